"""Scales: which code a quantity takes, which quantity takes none. Series of the WM8960 where one is at hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.registers import Geometric, Linear, Quantity, Steps

PGA = Linear("dB", (0, 63), None, -17.25, 0.75)
MIXER = Linear("dB", (0, 7), None, 0.0, -3.0)
DAC = Linear("dB", (1, 255), 0, -127.5, 0.5)
DECAY = Geometric("ms", (0, 10), None, 24.0, 2.0)
HOLD = Geometric("ms", (0, 15), None, 2.67, 2.0, zero=True)
BOOST = Steps("dB", (0, 3), None, (0.0, 13.0, 20.0, 29.0))
ALL = {"PGA": PGA, "mixer": MIXER, "DAC": DAC, "decay": DECAY, "hold": HOLD, "boost": BOOST}


@pytest.mark.parametrize("scale", ALL.values(), ids=ALL)
def test_every_code_is_found_again_by_what_it_means(scale: Quantity) -> None:
    codes = range(scale.codes[0], scale.codes[1] + 1)
    assert [scale.encode(scale.at(code)) for code in codes] == list(codes)


# scale, quantity, code
NEAREST = [
    (PGA,     0.3,              23),
    (PGA,     0.4,              24),
    (PGA,     -17.25 - 0.37,    0),     # half a step beyond the end
    (PGA,     30.0 + 0.37,      63),
    (MIXER,   -4.4,             1),
    (MIXER,   -4.6,             2),
    (DAC,     -math.inf,        0),     # mute
    (DECAY,   33.0,             0),     # the middle of 24 and 48 is 33.9, not 36
    (DECAY,   34.5,             1),
    (DECAY,   17.0,             0),     # 24 / √2
    (DECAY,   34_000.0,         10),    # 24 576 · √2
    (HOLD,    0.0,              0),
    (HOLD,    1e-9,             0),
    (HOLD,    1.8,              0),     # 2.67 / √2 = 1.89
    (HOLD,    1.9,              1),
    (HOLD,    3.7,              1),
    (HOLD,    3.8,              2),
]  # fmt: skip


@pytest.mark.parametrize(("scale", "value", "code"), NEAREST)
def test_a_quantity_between_codes_takes_the_nearest_on_its_own_scale(scale: Quantity, value: float, code: int) -> None:
    assert scale.encode(value) == code


# scale, quantity, what the refusal says
REFUSED = [
    (PGA,     -17.25 - 0.38,   "-17.63 dB is outside -17.25 ... 30 dB"),
    (PGA,     30.0 + 0.38,     "30.38 dB is outside"),
    (PGA,     -math.inf,       "-inf dB is outside"),  # this one has no mute
    (PGA,     math.nan,        "not a number of dB"),
    (PGA,     True,            "not a number of dB"),
    (MIXER,   1.6,             "1.6 dB is outside -21 ... 0 dB"),
    (DAC,     math.inf,        "inf dB is outside"),
    (DECAY,   -1000.0,         "-1000 ms is outside 24 ... 24576 ms"),
    (DECAY,   0.0,             "0 ms is outside"),
    (DECAY,   16.9,            "16.9 ms is outside"),
    (DECAY,   35_000.0,        "35000 ms is outside"),
    (HOLD,    -1e-9,           "outside 0 ... "),
    (HOLD,    math.inf,        "inf ms is outside"),
    (BOOST,   16.0,            "none of 0, 13, 20, 29 dB"),
]  # fmt: skip


@pytest.mark.parametrize(("scale", "value", "says"), REFUSED)
def test_a_quantity_more_than_half_a_step_beyond_the_end_is_refused(scale: Quantity, value: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scale.encode(value)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=st.floats(24.0, 24_576.0))
def test_no_time_in_a_series_of_doublings_is_missed_by_more_than_half_a_doubling(value: float) -> None:
    assert abs(math.log2(DECAY.at(DECAY.encode(value)) / value)) <= 0.5 + 1e-9


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=st.floats(-17.25, 30.0))
def test_no_gain_is_missed_by_more_than_half_a_step(value: float) -> None:
    assert abs(PGA.at(PGA.encode(value)) - value) <= 0.375 + 1e-9
