"""The SGTL5000's description against what can be known without the chip: words, arithmetic, anchors and order."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import by_address, enter, leave

from firmware_py.board import Board, ClockRow, CodecDescription
from firmware_py.codec.plan import Plan, Wait, Write, plan
from firmware_py.descriptions import load_board
from firmware_py.modes import Mode

BENCH = Path(__file__).parents[1] / "boards" / "sgtl5000-bench.toml"

EVERY_MODE = {
    0x0002: 0x0063,  # converters and both directions of I2S; the processor only with level control
    0x0006: 0x0080,  # provider, 64 fs, 32 bits, I2S
    0x0010: 0x3C3C,  # 0 dB
    0x0014: 0x015F,
    0x0022: 0x3030,  # -12 dB
    0x0024: 0x0122,  # line outputs muted, zero-cross detectors on, headphones and ADC open
    0x0026: 0x0068,  # charge pump from VDDIO by hand
    0x0028: 0x01F1,  # 1.575 V, nominal bias, slow ramp
    0x002C: 0x0322,  # 0.36 mA, 1.65 V
    0x002E: 0x0E0E,  # 40 log(1.575 / 1.65) + 15 = 14.2
    0x0030: 0x40FF,  # all but the regulators, charge pump and PLL
    0x0034: 0x0000,
    0x003C: 0x4445,  # 125 mA a side, 250 mA in the middle, tries again
    0x0100: 0x0000,
    0x0120: 0x8000,
    0x0126: 0x1473,
}
IN_MODE = {
    Mode.VOICE_CHAT: {
        0x0004: 0x0011,  # 32 kHz / 2 from 384 fs
        0x000A: 0x0010,  # ADC to host, host to DAC
        0x000E: 0x0200,  # ramps on, unmuted, DC blocker on
        0x0020: 0x0022,  # 3 dB
        0x002A: 0x0171,  # 2 kohm, 3.0 V, 20 dB
        0x0124: 0x5100,
    },
    Mode.MEASUREMENT: {
        0x0004: 0x0008,  # 48 kHz from 256 fs
        0x000A: 0x0010,
        0x000E: 0x0201,  # DC blocker off
        0x0020: 0x0044,  # 6 dB
        0x002A: 0x0170,
        0x0124: 0x5100,
    },
    Mode.DEFAULT: {
        0x0002: 0x0073,
        0x0004: 0x0008,
        0x000A: 0x0013,  # ADC, processor, host
        0x000E: 0x0200,
        0x0100: 0x0001,
        0x0124: 0x6101,  # bit 14 stays; 12 dB, 25 ms, compressor, on
        0x0128: 0x0072,  # 90.5 dB/s at 48 kHz
        0x012A: 0x00E4,  # 11.3 dB/s
    },
}


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board(str(BENCH))


@pytest.fixture(scope="module")
def codec(board: Board) -> CodecDescription:
    return board.codec


def first(made: Plan, address: int, mask: int, value: int) -> int:
    """The number of the first step after the reset that has written these bits so."""
    start = max((n for n, s in enumerate(made.steps) if isinstance(s, Write) and s.resets), default=-1)
    return next(
        number
        for number, step in enumerate(made.steps)
        if number > start
        and isinstance(step, Write)
        and step.register.address == address
        and step.after & mask == value
    )


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("CHIP_DAC_VOL.DAC_VOL_LEFT", 0x3C, 0.0),
        ("CHIP_DAC_VOL.DAC_VOL_LEFT", 0x3D, -0.5),
        ("CHIP_DAC_VOL.DAC_VOL_RIGHT", 0xF0, -90.3),
        ("CHIP_DAC_VOL.DAC_VOL_RIGHT", 0xFC, float("-inf")),
        ("CHIP_ANA_ADC_CTRL.ADC_VOL_LEFT", 0, 0.0),
        ("CHIP_ANA_ADC_CTRL.ADC_VOL_LEFT", 1, 1.5),
        ("CHIP_ANA_ADC_CTRL.ADC_VOL_RIGHT", 15, 22.5),
        ("CHIP_ANA_HP_CTRL.HP_VOL_LEFT", 0x00, 12.0),
        ("CHIP_ANA_HP_CTRL.HP_VOL_LEFT", 0x18, 0.0),
        ("CHIP_ANA_HP_CTRL.HP_VOL_RIGHT", 0x7F, -51.5),
        ("CHIP_MIC_CTRL.GAIN", 0, 0.0),
        ("CHIP_MIC_CTRL.GAIN", 1, 20.0),
        ("CHIP_MIC_CTRL.GAIN", 3, 40.0),
        ("CHIP_MIC_CTRL.BIAS_VOLT", 7, 3.0),
        ("CHIP_MIC_CTRL.BIAS_RESISTOR", 1, "2k"),
        ("CHIP_REF_CTRL.VAG_VAL", 0x1F, 1.575),
        ("CHIP_LINE_OUT_CTRL.LO_VAGCNTRL", 0x22, 1.65),
        ("CHIP_LINREG_CTRL.D_PROGRAMMING", 0x8, 1.2),
        ("CHIP_I2S_CTRL.DLEN", 0, 32.0),
        ("CHIP_ADCDAC_CTRL.ADC_HPF_BYPASS", 1, "bypassed"),
        ("DAP_AUDIO_EQ_BASS_BAND0.VOLUME", 0x2F, 0.0),
        ("DAP_AVC_CTRL.MAX_GAIN", 2, 12.0),
        ("DAP_AVC_THRESHOLD.THRESH", 0x1473, -12.0),
        ("DAP_AVC_THRESHOLD.THRESH", 20840, 0.0),
        ("DAP_AVC_THRESHOLD.THRESH", 659, -30.0),
    ],
)  # fmt: skip
def test_a_code_means_what_the_datasheet_says(
    codec: CodecDescription, path: str, code: int, means: float | str
) -> None:
    decoded = codec.map.find(path)[1].scale.decode(code)
    assert decoded == (means if isinstance(means, str) else pytest.approx(means, abs=0.01))


@pytest.mark.parametrize("mode", IN_MODE)
def test_an_unknown_chip_ends_at_these_words(board: Board, mode: Mode) -> None:
    words = by_address(board, enter(board, mode))
    expected = EVERY_MODE | IN_MODE[mode]
    assert {f"{a:04x}": f"{words[a] or 0:04x}" for a in expected} == {
        f"{a:04x}": f"{w:04x}" for a, w in expected.items()
    }


def test_a_chip_without_a_reset_is_written_whole(board: Board) -> None:
    written = {}
    for step in enter(board, Mode.MEASUREMENT).steps:
        if isinstance(step, Wait):
            break
        assert isinstance(step, Write)
        written[step.register.address] = step.word
    assert 0x0000 not in written, "the identity"
    assert 0x0036 not in written, "status"
    assert len(written) == 37
    assert written[0x0030] == 0x7060
    assert written[0x0104] == 0x0040, "bass enhancement that an earlier owner had switched on"
    assert written[0x010A] == 0x0040
    assert written[0x0124] == 0x5100


def test_outputs_are_shut_before_an_unknown_chip_is_reset(board: Board) -> None:
    steps = enter(board, Mode.MEASUREMENT).writes
    assert [(w.register.address, w.word) for w in steps[:2]] == [(0x000E, 0x020C), (0x0024, 0x0111)]


def test_the_analogue_ground_rises_under_the_amplifiers_and_before_the_converters(board: Board) -> None:
    made = enter(board, Mode.VOICE_CHAT)
    regulators, amplifiers = first(made, 0x0030, 0x3000, 0x0000), first(made, 0x0030, 0x0035, 0x0035)
    ground, converters = first(made, 0x0030, 0x0080, 0x0080), first(made, 0x0030, 0x000A, 0x000A)
    assert regulators < first(made, 0x0026, 0x7F, 0x68) < first(made, 0x0028, 0x1F1, 0x1F1) < amplifiers
    assert amplifiers < ground < converters
    wait = made.steps[ground + 1]
    assert isinstance(wait, Wait)
    assert wait.seconds >= 0.4


def test_nothing_is_heard_before_the_clocks_run(board: Board) -> None:
    made = enter(board, Mode.VOICE_CHAT)
    rate, provider = first(made, 0x0004, 0x3F, 0x11), first(made, 0x0006, 0x80, 0x80)
    headphones, sound = first(made, 0x0024, 0x10, 0x00), first(made, 0x000E, 0x0C, 0x00)
    assert rate < provider < headphones < sound == len(made.steps) - 1


def test_outputs_are_muted_while_the_rate_changes(board: Board) -> None:
    made = enter(board, Mode.MEASUREMENT, dict(enter(board, Mode.VOICE_CHAT).words))
    addresses = [s.register.address if isinstance(s, Write) else "wait" for s in made.steps]
    assert addresses[:4] == [0x000E, 0x0024, "wait", 0x0004]
    assert addresses[-2:] == [0x0024, 0x000E]
    assert 0x0030 not in addresses, "the analogue ground stays up"


def test_gains_never_move_under_level_control(board: Board) -> None:
    made = enter(board, Mode.VIDEO_RECORDING, dict(enter(board, Mode.DEFAULT).words))
    avc = [n for n, s in enumerate(made.steps) if isinstance(s, Write) and s.register.address == 0x0124]
    gains = [n for n, s in enumerate(made.steps) if isinstance(s, Write) and s.register.address in (0x0020, 0x002A)]
    assert gains
    assert avc[0] < min(gains) <= max(gains) < avc[-1]
    assert made.writes[0].after == 0x6100
    assert made.writes[-1].after == 0x6101


def test_without_level_control_the_microphone_goes_past_the_processor(board: Board) -> None:
    made = enter(board, Mode.GAME_CHAT, dict(enter(board, Mode.DEFAULT).words))
    order = [s.register.address for s in made.writes if s.register.address in (0x0002, 0x000A, 0x0100, 0x0124)]
    assert order == [0x0124, 0x000A, 0x0100, 0x0002], "off, past it, stopped, without power"
    words = by_address(board, made)
    assert (words[0x000A], words[0x0100], words[0x0002]) == (0x0010, 0x0000, 0x0063)


def test_standby_is_silent_and_keeps_the_analogue_ground(board: Board) -> None:
    made = leave(board, dict(enter(board, Mode.DEFAULT).words), "standby")
    words = by_address(board, made)
    assert [s.register.address for s in made.writes[:2]] == [0x000E, 0x0024]
    assert (words[0x000E], words[0x0024]) == (0x020C, 0x0133)
    assert (words[0x0002], words[0x0030], words[0x002A]) == (0x0000, 0x40F5, 0x0071)
    assert enter(board, Mode.DEFAULT, dict(made.words)).wait_s == 0.0


def test_off_lowers_the_analogue_ground_before_its_amplifiers(board: Board) -> None:
    made = leave(board, dict(enter(board, Mode.DEFAULT).words), "off")
    ground, amplifiers = first(made, 0x0030, 0x0080, 0x0000), first(made, 0x0030, 0x0035, 0x0000)
    wait = made.steps[ground + 1]
    assert isinstance(wait, Wait)
    assert wait.seconds >= 0.4
    assert ground < amplifiers
    words = by_address(board, made)
    assert (words[0x0030], words[0x0002], words[0x0006]) == (0x4040, 0x0000, 0x0000)
    assert words[0x002A] == 0x0071, "no microphone bias"


def word(codec: CodecDescription, register: str, row: ClockRow) -> int:
    """A register's word after a clock row was set from reset."""
    value = codec.map.registers[register].reset or 0
    for path, asked in row.set.items():
        if path.startswith(f"{register}."):
            field = codec.map.find(path)[1]
            value = field.insert(value, field.scale.encode(asked))
    return value


def test_every_pll_row_makes_its_frequency_as_well_as_eleven_bits_can(codec: CodecDescription) -> None:
    for row in codec.clocks:
        assert row.mclk_hz
        assert row.sysclk_hz
        powered = word(codec, "CHIP_ANA_POWER", row) & 0x0500
        if row.sysclk_hz == row.mclk_hz:
            assert powered == 0
            continue
        assert powered == 0x0500
        halved = word(codec, "CHIP_CLK_TOP_CTRL", row) == 0x0008
        assert halved == (row.mclk_hz > 17_000_000)
        ratio = word(codec, "CHIP_PLL_CTRL", row)
        made = row.mclk_hz / (1 + halved) * ((ratio >> 11) + (ratio & 0x7FF) / 2048)
        assert row.sysclk_hz in (196_608_000, 180_633_600)
        assert made == pytest.approx(row.sysclk_hz, rel=14e-6)


@pytest.mark.parametrize(
    ("mclk_hz", "sysclk_hz", "word_"),
    [
        (12_288_000, 196_608_000, 0x8000),
        (11_289_600, 180_633_600, 0x8000),
        (24_000_000, 196_608_000, 0x8312),
        (12_000_000, 180_633_600, 0x786C),
        (12_288_000, 180_633_600, 0x759A),  # cut: 0x7599
        (11_289_600, 196_608_000, 0x8B52),  # cut: 0x8B51
    ],
)
def test_ratios_of_the_pll(codec: CodecDescription, mclk_hz: int, sysclk_hz: int, word_: int) -> None:
    row = next(r for r in codec.clocks if (r.mclk_hz, r.sysclk_hz) == (mclk_hz, sysclk_hz))
    assert word(codec, "CHIP_PLL_CTRL", row) == word_


def test_every_rate_row_divides_its_clock(codec: CodecDescription) -> None:
    base = {0: 32_000, 1: 44_100, 2: 48_000, 3: 96_000}
    for row in codec.rates:
        clock = word(codec, "CHIP_CLK_CTRL", row)
        sys_fs, divide = base[clock >> 2 & 3], (1, 2, 4, 6)[clock >> 4 & 3]
        assert sys_fs == (row.rate_hz or 0) * divide
        if clock & 3 < 3:
            assert row.sysclk_hz == sys_fs * (256, 384, 512)[clock & 3]
        else:
            assert row.sysclk_hz == (180_633_600 if sys_fs == 44_100 else 196_608_000)
        attack, decay = word(codec, "DAP_AVC_ATTACK", row), word(codec, "DAP_AVC_DECAY", row)
        assert attack == round((1 - 10 ** (-90.48 / (20 * sys_fs))) * 2**19)
        assert decay == pytest.approx((1 - 10 ** (-11.31 / (20 * sys_fs))) * 2**23, abs=0.6)


@pytest.mark.parametrize(
    ("rate_hz", "clock"),
    [(48_000, 0x08), (32_000, 0x01), (24_000, 0x18), (16_000, 0x11), (8_000, 0x21), (96_000, 0x0F), (44_100, 0x07)],
)
def test_the_bench_needs_its_pll_only_beyond_the_crystals_family(board: Board, rate_hz: int, clock: int) -> None:
    settings = dict(enter(board, Mode.MEASUREMENT).settings) | {"rate_hz": float(rate_hz)}
    words = by_address(board, plan(board.codec, None, settings, "active", board.mclk_hz))
    assert words[0x0004] == clock
    assert words[0x0030] == (0x45FF if clock & 3 == 3 else 0x40FF)


def test_the_pll_stands_before_it_is_used_and_is_left_before_it_stops(board: Board) -> None:
    settings = dict(enter(board, Mode.MEASUREMENT).settings)
    up = plan(board.codec, None, settings | {"rate_hz": 44_100.0}, "active", board.mclk_hz)
    assert first(up, 0x0032, 0xFFFF, 0x759A) < first(up, 0x0030, 0x0500, 0x0500) < first(up, 0x0004, 3, 3)
    down = plan(board.codec, up.words, settings, "active", board.mclk_hz)
    assert first(down, 0x000E, 0x0C, 0x0C) < first(down, 0x0004, 3, 0) < first(down, 0x0030, 0x0500, 0x0000)
    off = leave(board, dict(up.words), "off")
    assert first(off, 0x0004, 3, 0) < first(off, 0x0030, 0x0500, 0x0000)


@pytest.mark.parametrize("mclk_hz", [12_000_000, 12_288_000, 11_289_600, 24_000_000, 24_576_000])
def test_every_crystal_makes_both_families_of_rates(codec: CodecDescription, mclk_hz: int) -> None:
    assert {8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000} <= {*codec.rates_at(mclk_hz)}


def test_bit_14_of_the_level_control_belongs_to_no_field(codec: CodecDescription) -> None:
    register = codec.map.registers["DAP_AVC_CTRL"]
    assert register.reset == 0x5100
    assert sum(field.mask for field in register.fields.values()) & 0x4000 == 0
