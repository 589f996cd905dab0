"""Verdicts that follow from values, and a table of limits that says what each mode promises."""

import json
import math

import numpy as np
import pytest

from hil.limits import PROMISES, limit, limits_of, mic_bias_limit
from hil.measurement import Certificate, Limit, Measurement, ModeResult, Trace

AT_LEAST_46 = limit("echo_loss_db", "voiceChat")
BETWEEN = limit("high_pass_corner_hz", "voiceChat")
REPORTED = limit("latency_ms", "default")


@pytest.mark.parametrize(
    ("asked",     "value",      "verdict"),
    [
        (AT_LEAST_46, 46.0,        "pass"),  # bounds are inclusive
        (AT_LEAST_46, 45.999,      "fail"),
        (AT_LEAST_46, math.nan,    "fail"),
        (AT_LEAST_46, math.inf,    "fail"),  # nothing cancels without end; something was muted
        (AT_LEAST_46, None,        "fail"),
        (BETWEEN,     101.9,       "fail"),
        (BETWEEN,     102.0,       "pass"),
        (BETWEEN,     138.1,       "fail"),
        (REPORTED,    400.0,       "pass"),
        (REPORTED,    math.nan,    "fail"),  # even a value without a limit must be measurable
    ],
)  # fmt: skip
def test_a_verdict_follows_from_the_value_and_its_bounds(asked, value, verdict):
    row = Measurement.of(asked, value)
    assert row.verdict == verdict
    assert row.value is None or math.isfinite(row.value)


def test_a_measurement_that_gave_nothing_says_so():
    assert Measurement.of(AT_LEAST_46, math.nan).note == "nothing could be measured"
    assert Measurement.of(AT_LEAST_46, None, "the cable is loose").note == "the cable is loose"


def test_what_is_not_tested_needs_a_reason():
    assert Measurement.not_tested(AT_LEAST_46, "no loudspeaker here").verdict == "not tested"
    with pytest.raises(ValueError, match="echo_loss_db"):
        Measurement.not_tested(AT_LEAST_46, "")


def _mode(*rows: Measurement) -> ModeResult:
    return ModeResult(mode="voiceChat", title="VoiceChat", measurements=rows)


PASS, FAIL = Measurement.of(AT_LEAST_46, 50.0), Measurement.of(AT_LEAST_46, 40.0)
UNTESTED = Measurement.not_tested(AT_LEAST_46, "no loudspeaker here")


@pytest.mark.parametrize(
    ("rows",                   "verdict"),
    [
        ((PASS, PASS),         "pass"),
        ((PASS, UNTESTED),     "pass"),
        ((PASS, FAIL),         "fail"),
        ((UNTESTED, FAIL),     "fail"),
        ((UNTESTED, UNTESTED), "not tested"),
        ((),                   "not tested"),  # an empty list proves nothing
    ],
)  # fmt: skip
def test_a_mode_is_as_good_as_its_worst_row_and_no_row_proves_nothing(rows, verdict):
    result = _mode(*rows)
    certificate = Certificate(board="b", bench="virtual", started="", modes={"voiceChat": result})
    assert result.verdict == verdict
    assert certificate.verdict == verdict


def test_the_json_holds_null_where_there_is_no_number_and_nothing_a_strict_reader_refuses():
    trace = Trace.of("t", "T", x_label="s", y_label="dB", x=[0.0, 1.0], series={"a": [math.nan, -math.inf]})
    rows = (Measurement.of(AT_LEAST_46, math.inf), Measurement.of(BETWEEN, np.float64(120.5)), UNTESTED)
    result = ModeResult(
        mode="voiceChat", title="VoiceChat", traces=(trace,), measurements=rows,
    )  # fmt: skip
    text = Certificate(board="b", bench="virtual", started="", modes={"voiceChat": result}).to_json()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    mode = json.loads(text, parse_constant=refuse)["modes"]["voiceChat"]
    assert mode["verdict"] == "fail"
    assert [m["value"] for m in mode["measurements"]] == [None, 120.5, None]
    assert {"name", "value", "unit", "lower", "upper", "verdict", "source"} <= set(mode["measurements"][0])
    assert mode["traces"][0]["series"]["a"] == [None, None]


def test_a_curve_is_as_long_as_its_axis():
    with pytest.raises(ValueError, match="'a' has 3 points, the axis has 2"):
        Trace.of("t", "T", x_label="", y_label="", x=[0, 1], series={"a": [1, 2, 3]})


@pytest.mark.parametrize(
    ("name",                "mode",            "lower", "upper"),
    [
        ("high_pass_corner_hz", "voiceChat",      102.0,   138.0),
        ("high_pass_corner_hz", "gameChat",        85.0,   115.0),
        ("high_pass_corner_hz", "measurement",     None,    20.0),
        ("agc_gain_change_db",  "default",          6.0,    None),
        ("agc_gain_change_db",  "gameChat",         3.0,    None),
        ("agc_gain_change_db",  "measurement",     -0.1,     0.1),
        ("echo_loss_db",        "gameChat",        46.0,    None),
        ("echo_loss_db",        "default",         None,    None),
        ("erle_db",             "videoRecording",  -1.0,     1.0),
        ("convergence_s",       "voiceChat",       None,     1.2),
        ("double_talk_loss_db", "voiceChat",       None,     3.0),
        ("latency_ms",          "voiceChat",       None,    20.0),
        ("latency_ms",          "gameChat",        None,    15.0),
        ("sensitivity_dbfs",    "measurement",    -37.0,   -35.0),
        ("sensitivity_dbfs",    "voiceChat",     -22.35,  -14.35),
        ("sensitivity_dbfs",    "default",        -20.0,   -12.0),
        ("soft_gain_db",        "default",          6.0,    13.0),
        ("soft_gain_db",        "gameChat",         4.0,     7.0),
        ("near_talker_loss_db", "gameChat",        None,     3.0),
        ("channel_difference_db", "measurement",   -1.0,     1.0),
        ("latency_with_application_ms", "gameChat", None,   None),
        ("mic_bias_v",          "default",       2.8215,  3.1185),
        ("thd_percent",         "measurement",     None,     0.1),
    ],
)  # fmt: skip
def test_a_mode_asks_what_it_promises(name, mode, lower, upper):
    asked = limit(name, mode)
    assert asked.lower == (None if lower is None else pytest.approx(lower))
    assert asked.upper == (None if upper is None else pytest.approx(upper))
    assert asked.source


def test_no_mode_asks_twice_and_every_unit_is_the_one_in_the_name():
    units = {
        "db": "dB",
        "dbfs": "dBFS",
        "hz": "Hz",
        "ms": "ms",
        "s": "s",
        "v": "V",
        "ppm": "ppm",
        "percent": "%",
    }
    for mode in PROMISES:
        asked = limits_of(mode)
        assert len({row.name for row in asked}) == len(asked)
        for row in asked:
            suffix = row.name.rsplit("_", 1)[-1]
            assert row.unit == units.get(suffix, row.unit), row.name


def test_a_limit_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(LookupError, match="videoRecording"):
        limit("echo_loss_db", "voicechat")
    with pytest.raises(LookupError, match="convergence_s"):
        limit("echo_los_db", "voiceChat")
    with pytest.raises(LookupError, match="default asks nothing of 'thd_percent'"):
        limit("thd_percent", "default")


def test_the_bias_of_another_supply_is_five_per_cent_round_its_own_share():
    asked = mic_bias_limit(1.95, "0.65 AVDD")
    assert (asked.lower, asked.upper) == pytest.approx((0.95 * 1.95, 1.05 * 1.95))
    assert isinstance(asked, Limit)
