"""The WM8960's description against what can be known without the chip: arithmetic, anchors, and bits that must stay."""

from fractions import Fraction

import pytest

from firmware_py.board import ClockRow, CodecDescription
from firmware_py.descriptions import load_codec

DIVIDERS = {"/1.5": Fraction(3, 2)} | {f"/{n}": Fraction(n) for n in (1, 2, 3, 4, 6, 8, 12, 16, 24)}


@pytest.fixture(scope="module")
def codec() -> CodecDescription:
    return load_codec("wm8960")


def word(codec: CodecDescription, register: str, row: ClockRow) -> int:
    """A register's word after a clock row was set from reset."""
    value = codec.map.registers[register].reset or 0
    for path, asked in row.set.items():
        if path.startswith(f"{register}."):
            field = codec.map.find(path)[1]
            value = field.insert(value, field.scale.encode(asked))
    return value


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("LINVOL.LINVOL", 0x17, 0.0),
        ("LINVOL.LINVOL", 0x27, 12.0),
        ("LINVOL.LINVOL", 0x3F, 30.0),
        ("LINPATH.LMICBOOST", 3, 29.0),
        ("LOUT1.LOUT1VOL", 0x79, 0.0),
        ("LOUT1.LOUT1VOL", 0x7F, 6.0),
        ("LOUT1.LOUT1VOL", 0x2F, float("-inf")),
        ("LADC.LADCVOL", 0xC3, 0.0),
        ("LADC.LADCVOL", 0xFF, 30.0),
        ("LDAC.LDACVOL", 0xFF, 0.0),
        ("LDAC.LDACVOL", 0x00, float("-inf")),
        ("ALC1.MAXGAIN", 7, 30.0),
        ("ALC1.ALCL", 0xB, -6.0),
        ("ALC1.ALCL", 0xF, -1.5),    # saturates
        ("ALC2.HLD", 0, 0.0),
        ("ALC2.HLD", 1, 2.67),
        ("ALC3.DCY", 3, 192.0),
        ("ALC3.ATK", 2, 24.0),
        ("ALC3.ATK", 15, 6144.0),    # saturates
        ("NOISEG.NGTH", 31, -30.0),
        ("DACCTL1.ADCHPD", 1, "disabled"),
        ("DACCTL1.DACMU", 1, "muted"),
        ("CLASSD1.SPK_OP_EN", 3, "both"),
    ],
)  # fmt: skip
def test_a_code_means_what_the_datasheet_says(
    codec: CodecDescription, path: str, code: int, means: float | str
) -> None:
    assert codec.map.find(path)[1].scale.decode(code) == pytest.approx(means)


def test_every_pll_row_makes_its_sysclk_to_a_millionth(codec: CodecDescription) -> None:
    for row in codec.clocks:
        assert row.mclk_hz
        words = [word(codec, f"PLL{number}", row) for number in (1, 2, 3, 4)]
        fractional, prescale, n = words[0] >> 5 & 1, 1 + (words[0] >> 4 & 1), words[0] & 0xF
        k = words[1] << 16 | words[2] << 8 | words[3] if fractional else 0
        output_hz = row.mclk_hz / prescale * (n + k / 2**24)
        assert 90e6 <= output_hz <= 100e6
        assert output_hz / 8 == pytest.approx(row.sysclk_hz, rel=1e-6)


def test_every_rate_row_has_its_dividers_in_step(codec: CodecDescription) -> None:
    for row in codec.rates:
        assert row.sysclk_hz
        divide = {path.split(".")[1]: DIVIDERS.get(str(value)) for path, value in row.set.items()}
        assert row.sysclk_hz / divide["DACDIV"] == row.sysclk_hz / divide["ADCDIV"] == 256 * row.rate_hz
        assert row.sysclk_hz / divide["BCLKDIV"] == 64 * row.rate_hz, "two slots of 32 bits"
        assert 700e3 <= row.sysclk_hz / divide["DCLKDIV"] <= 800e3


def test_the_alc_is_told_the_rate_that_the_converters_run_at(codec: CodecDescription) -> None:
    codes = {row.rate_hz: word(codec, "ADDCTL3", row) & 7 for row in codec.rates}
    assert codes == {48000: 0, 44100: 0, 32000: 1, 24000: 2, 22050: 2, 16000: 3, 11025: 4, 8000: 5}


@pytest.mark.parametrize("mclk_hz", [24_000_000, 12_000_000, 12_288_000, 11_289_600])
def test_every_crystal_makes_both_families_of_rates(codec: CodecDescription, mclk_hz: int) -> None:
    assert codec.rates_at(mclk_hz) == [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]


@pytest.mark.parametrize(
    ("register", "bits"),
    [
        ("ALC2", 0x100),      # reserved, stays 1
        ("CLASSD1", 0x037),   # reserved, stay 1
        ("CLASSD3", 0x080),   # reserved, stays 1
        ("POWER1", 0x001),    # stops the MCLK input
    ],
)  # fmt: skip
def test_no_field_touches_what_must_stay(codec: CodecDescription, register: str, bits: int) -> None:
    described = sum(field.mask for field in codec.map.registers[register].fields.values())
    assert described & bits == 0


def test_a_gain_under_alc_is_never_trusted(codec: CodecDescription) -> None:
    off = next(step for step in codec.sequences["active"] if step.set.get("ALC1.ALCSEL") == "off")
    assert {"LINVOL", "RINVOL"} <= set(off.forget)
    assert {"LINVOL.LINVOL", "RINVOL.RINVOL"} <= set(off.guard)


def test_the_amplifier_is_off_before_anything_it_needs_goes_away(codec: CodecDescription) -> None:
    for name in ("standby", "off"):
        order = [path for step in codec.sequences[name] for path in step.set]
        needs = ("POWER2.SPKL", "POWER2.SPKR", "POWER2.PLL_EN", "CLOCK1.CLKSEL", "POWER1.VREF")
        assert all(order.index("CLASSD1.SPK_OP_EN") < order.index(path) for path in needs if path in order)
