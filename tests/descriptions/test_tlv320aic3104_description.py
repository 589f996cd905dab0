"""The TLV320AIC3104's description against what can be known without the chip: words typed from the datasheet, arithmetic, order."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

import pytest
from asking import asked

from firmware_py.board import Board, ClockRow, CodecDescription
from firmware_py.codec.plan import Plan, Wait, Write, plan
from firmware_py.descriptions import load_board, load_codec
from firmware_py.modes import Mode
from firmware_py.registers import Value

MUTE = {0x0F: 0x80, 0x10: 0x80, 0x2B: 0x80, 0x2C: 0x80}  # address -> bit that is 1 for silence
UNMUTE = {0x33: 0x08, 0x41: 0x08, 0x56: 0x08, 0x5D: 0x08}  # address -> bit that is 0 for silence
POWER = {
    0x13: 0x04, 0x16: 0x04, 0x25: 0xC0, 0x19: 0xC0,                              # converters, microphone bias
    0x33: 0x01, 0x3A: 0x01, 0x41: 0x01, 0x48: 0x01, 0x56: 0x01, 0x5D: 0x01,      # outputs
}  # fmt: skip
RESERVED = {
    0x14, 0x17, 0x2D, 0x30, 0x34, 0x37, 0x3B, 0x3E, 0x42, 0x45, *range(0x49, 0x51), 0x53, 0x57, 0x5A, 0x62, 0x63, 0x64,
}  # fmt: skip
CLOCKS = {0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0B, 0x65}
DIVIDERS = {code: Fraction(code + 2, 2) for code in range(11)}

ACTIVE = {  # page 0 after a cold start on the ReSpeaker v2, whatever the mode; what is not here is as after a reset
    0x03: 0x20,  # PLL off, Q = 4
    0x65: 0x01,  # from the divider
    0x07: 0x0A,  # 48 kHz family, left to left, right to right
    0x08: 0xC0,  # bit and frame clock go out
    0x09: 0x30,  # I2S, 32 bit
    0x6B: 0xC0,  # high-pass takes the coefficients of page 1
    0x19: 0x80,  # 2.5 V
    0x11: 0x0F,  # MIC2L to the left
    0x12: 0xF0,  # MIC2R to the right
    0x13: 0x7C,  # LINE1L apart, left ADC on
    0x16: 0x7C,  # LINE1R apart, right ADC on
    0x25: 0xC0,  # both DACs
    0x26: 0x04,  # short circuit: limit
    0x2A: 0x7C,  # 200 ms, 4 ms
    0x2B: 0x00,  # sound
    0x2C: 0x00,
    0x2F: 0x98,  # DAC to headphones, -12 dB
    0x40: 0x98,
    0x33: 0x00,  # headphones off, held
    0x41: 0x00,
    0x52: 0x8C,  # DAC to line, -6 dB
    0x5C: 0x8C,
    0x56: 0x09,  # lines on
    0x5D: 0x09,
}
IN_MODE = {
    Mode.VOICE_CHAT: {0x02: 0x44, 0x0C: 0x50, 0x0F: 0x27, 0x10: 0x27, 0x1B: 0x60, 0x1E: 0x60},
    Mode.MEASUREMENT: {0x02: 0x00, 0x0C: 0x00, 0x0F: 0x04, 0x10: 0x04, 0x1B: 0x60, 0x1E: 0x60},
    Mode.GAME_CHAT: {0x02: 0x00, 0x0C: 0x50, 0x0F: 0x27, 0x10: 0x27, 0x1B: 0x60, 0x1E: 0x60},
    # AGC on both sides, -12 dBFS, 20 ms, 500 ms, at most 31.5 and 25.5 dB
    Mode.DEFAULT: {0x02: 0x00, 0x0C: 0x50, 0x0F: 0x27, 0x10: 0x27, 0x1A: 0xBF, 0x1B: 0x7E, 0x1D: 0xBF, 0x1E: 0x7E},
    Mode.VIDEO_RECORDING: {0x02: 0x00, 0x0C: 0x50, 0x0F: 0x1B, 0x10: 0x1B, 0x1A: 0xBF, 0x1B: 0x66, 0x1D: 0xBF, 0x1E: 0x66},
}  # fmt: skip
PAGE_1 = [0x7F, 0xDB, 0x80, 0x25, 0x7F, 0xDB] * 2  # from 0x41 on


@pytest.fixture(scope="module")
def codec() -> CodecDescription:
    return load_codec("tlv320aic3104")


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board("respeaker-2mic-v2")


def walk(board: Board, *stations: tuple[str, Mapping[str, Value]]) -> Iterator[Plan]:
    """Plans from nothing known through the stations, each a sequence and its settings."""
    words = None
    for sequence, settings in stations:
        step = plan(board.codec, words, settings, sequence, board.mclk_hz)
        words = step.words
        yield step


def tour(board: Board) -> list[Plan]:
    """Through all modes, both outputs, both families of rates, and silence."""
    modes = [
        ("active", asked(board, mode, destination=output) | ({} if output == "speaker" else {"speaker": "off"}))
        for output in ("speaker", "headphones")
        for mode in Mode
    ]
    other = [("active", asked(board, Mode.DEFAULT) | {"rate_hz": rate}) for rate in (44_100, 96_000, 8_000, 88_200)]
    silence = [("standby", {}), modes[0], ("off", {}), modes[6], ("off", {}), modes[1], ("standby", {}), ("off", {})]
    return list(walk(board, *modes, *other, *silence))


def page_0(step: Plan, codec: CodecDescription) -> dict[int, int]:
    """Address -> word of page 0 after a plan."""
    registers = codec.map.registers.values()
    return {r.address: word for r in registers if not r.page and (word := step.words[r.name]) is not None}


def reset_words(codec: CodecDescription) -> dict[int, int]:
    return {r.address: r.reset for r in codec.map.registers.values() if not r.page and r.reset is not None}


def on_the_wire(plans: list[Plan]) -> Iterator[tuple[Write | Wait, dict[int, int]]]:
    """Every write and wait, with what page 0 holds before it."""
    held: dict[int, int] = {}
    for step in plans:
        for event in step.steps:
            assert isinstance(event, Write | Wait)
            yield event, held
            if isinstance(event, Write) and not event.register.page:
                held[event.register.address] = event.word


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("LADC_GAIN.PGA_GAIN", 0, 0.0),
        ("LADC_GAIN.PGA_GAIN", 39, 19.5),
        ("LADC_GAIN.PGA_GAIN", 119, 59.5),
        ("RADC_GAIN.PGA_GAIN", 127, 59.5),          # saturates
        ("LADC_GAIN.PGA_MUTE", 1, "muted"),
        ("LDAC_VOLUME.DAC_VOL", 0, 0.0),
        ("LDAC_VOLUME.DAC_VOL", 26, -13.0),
        ("RDAC_VOLUME.DAC_VOL", 127, -63.5),
        ("DACL1_HPLOUT.GAIN", 24, -12.0),
        ("DACR1_RLOPM.GAIN", 100, -50.0),
        ("DACL1_LLOPM.GAIN", 117, -58.5),
        ("DACL1_LLOPM.GAIN", 118, float("-inf")),
        ("DACL1_LLOPM.GAIN", 127, float("-inf")),
        ("HPLOUT.LEVEL", 0, 0.0),
        ("RLOPM.LEVEL", 4, 4.0),
        ("HPRCOM.LEVEL", 9, 9.0),
        ("LAGC_A.AGC_TARGET", 0, -5.5),
        ("LAGC_A.AGC_TARGET", 3, -12.0),
        ("RAGC_A.AGC_TARGET", 7, -24.0),
        ("LAGC_A.AGC_ATTACK", 1, 11.0),
        ("RAGC_A.AGC_ATTACK", 3, 20.0),
        ("LAGC_A.AGC_DECAY", 0, 100.0),
        ("RAGC_A.AGC_DECAY", 3, 500.0),
        ("LAGC_B.AGC_MAX_GAIN", 48, 24.0),
        ("RAGC_B.AGC_MAX_GAIN", 127, 59.5),         # saturates: as after a reset
        ("LAGC_C.AGC_NG_THR", 1, -30.0),
        ("LAGC_C.AGC_NG_THR", 16, -60.0),
        ("RAGC_C.AGC_NG_THR", 31, -90.0),
        ("MIC2_LADC.MIC2L_TO_LADC", 15, "disconnected"),
        ("MICBIAS.MICBIAS", 2, "2.5V"),
        ("POP_REDUCTION.POWER_ON_TIME", 7, 200.0),
        ("SERIAL_B.DAI_WL", 3, 32.0),
    ],
)  # fmt: skip
def test_a_code_means_what_the_datasheet_says(
    codec: CodecDescription, path: str, code: int, means: float | str
) -> None:
    assert codec.map.find(path)[1].scale.decode(code) == pytest.approx(means)


def test_registers_that_this_member_of_the_family_reserves_are_not_described(codec: CodecDescription) -> None:
    assert not {r.address for r in codec.map.registers.values() if not r.page} & RESERVED


@pytest.mark.parametrize(
    ("register", "bits"),
    [
        ("CLOCK_GENERATION", 0x0F),   # stays 2
        ("PLL_B", 0x03),
        ("PLL_D", 0x03),
        ("LAGC_B", 0x01),
        ("DATA_PATH", 0x01),
        ("ADC_DIGITAL_PATH", 0x3F),
        ("LINE1R_LADC", 0x07),
    ],
)  # fmt: skip
def test_no_field_touches_what_must_stay(codec: CodecDescription, register: str, bits: int) -> None:
    assert sum(field.mask for field in codec.map.registers[register].fields.values()) & bits == 0


def row_words(codec: CodecDescription, row: ClockRow) -> dict[int, int]:
    """Page 0 after a clock row was set from reset."""
    words = reset_words(codec)
    for path, value in row.set.items():
        register, field = codec.map.find(path)
        words[register.address] = field.insert(words[register.address], field.scale.encode(value))
    return words


def fs_ref(words: Mapping[int, int], mclk_hz: int) -> float:
    """What the datasheet's formulas make of the clock registers; the limits that it names are asserted."""
    q, p = words[0x03] >> 3 & 0xF or 16, words[0x03] & 7 or 8
    if words[0x65] & 1:
        assert not words[0x03] & 0x80, "a PLL that nobody listens to"
        return mclk_hz / (128 * (17 if q == 1 else q))
    assert words[0x03] & 0x80
    j, d, r = words[0x04] >> 2, words[0x05] << 6 | words[0x06] >> 2, words[0x0B] & 0xF
    assert r == 1
    assert d <= 9999
    assert 10e6 <= mclk_hz / p <= 20e6
    assert 4 <= j <= 11
    assert 80e6 <= mclk_hz / p * (j + d / 10_000) <= 110e6
    return mclk_hz * (j + d / 10_000) / (2048 * p)


def test_every_clock_row_makes_its_reference_rate(codec: CodecDescription) -> None:
    assert len(codec.clocks) == 12
    for row in codec.clocks:
        assert row.mclk_hz
        assert row.sysclk_hz in (256 * 48_000, 256 * 44_100)
        assert 256 * fs_ref(row_words(codec, row), row.mclk_hz) == pytest.approx(row.sysclk_hz, rel=10e-6)


@pytest.mark.parametrize(
    ("mclk_hz", "rate_hz", "words"),
    [
        (24_576_000, 48_000, {0x03: 0x20, 0x65: 0x01}),
        (22_579_200, 44_100, {0x03: 0x20, 0x65: 0x01}),
        (24_576_000, 44_100, {0x03: 0x92, 0x04: 0x1C, 0x05: 0x36, 0x06: 0xB0, 0x0B: 0x01, 0x65: 0x00}),
        (12_288_000, 44_100, {0x03: 0x91, 0x04: 0x1C, 0x05: 0x36, 0x06: 0xB0, 0x0B: 0x01, 0x65: 0x00}),
        (24_000_000, 48_000, {0x03: 0x92, 0x04: 0x20, 0x05: 0x1E, 0x06: 0x00, 0x0B: 0x01, 0x65: 0x00}),
        (24_000_000, 44_100, {0x03: 0x92, 0x04: 0x1C, 0x05: 0x52, 0x06: 0x40, 0x0B: 0x01, 0x65: 0x00}),
        (12_000_000, 48_000, {0x03: 0x91, 0x04: 0x20, 0x05: 0x1E, 0x06: 0x00, 0x0B: 0x01, 0x65: 0x00}),
        (11_289_600, 48_000, {0x03: 0x91, 0x04: 0x20, 0x05: 0x6E, 0x06: 0x8C, 0x0B: 0x01, 0x65: 0x00}),
    ],
)  # fmt: skip
def test_the_clock_words_are_those_worked_out_by_hand(
    codec: CodecDescription, mclk_hz: int, rate_hz: int, words: dict[int, int]
) -> None:
    row = next(r for r in codec.clocks if (r.mclk_hz, r.sysclk_hz) == (mclk_hz, 256 * rate_hz))
    assert words.items() <= row_words(codec, row).items()


def test_every_rate_row_divides_its_reference_rate(codec: CodecDescription) -> None:
    codes = {}
    for row in codec.rates:
        assert row.sysclk_hz
        words, reference = row_words(codec, row), row.sysclk_hz // 256
        assert (words[0x07] & 0x80 != 0) == (reference == 44_100)
        assert words[0x07] & 0x60 in (0x00, 0x60), "both converters at twice the rate, or neither"
        assert words[0x02] >> 4 == words[0x02] & 0xF, "both converters at one rate"
        assert reference * (2 if words[0x07] & 0x20 else 1) / DIVIDERS[words[0x02] & 0xF] == row.rate_hz
        codes[row.rate_hz] = words[0x02]
    assert codes == {
        96_000: 0x00, 48_000: 0x00, 32_000: 0x11, 24_000: 0x22, 16_000: 0x44, 12_000: 0x66, 8_000: 0xAA,
        88_200: 0x00, 44_100: 0x00, 22_050: 0x22, 11_025: 0x66,
    }  # fmt: skip


@pytest.mark.parametrize("mclk_hz", [24_576_000, 22_579_200, 24_000_000, 12_288_000, 12_000_000, 11_289_600])
def test_every_crystal_makes_every_rate(codec: CodecDescription, mclk_hz: int) -> None:
    assert codec.rates_at(mclk_hz) == [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000]


@pytest.mark.parametrize("mode", list(Mode))
def test_the_words_after_a_cold_start_are_those_of_the_datasheet(board: Board, mode: Mode) -> None:
    (step,) = walk(board, ("active", asked(board, mode)))
    assert page_0(step, board.codec) == reset_words(board.codec) | ACTIVE | IN_MODE[mode]
    coefficients = sorted((r for r in board.codec.map.registers.values() if r.page == 1), key=lambda r: r.address)
    assert [r.address for r in coefficients] == list(range(0x41, 0x4D))
    assert [step.words[r.name] for r in coefficients] == PAGE_1


def test_a_mode_reached_by_a_detour_sounds_like_one_reached_at_once(board: Board) -> None:
    detour = list(walk(board, *(("active", asked(board, m)) for m in (*Mode, Mode.VOICE_CHAT))))[-1]
    audible = {address: word for address, word in page_0(detour, board.codec).items() if address not in (0x1A, 0x1D)}
    expected = reset_words(board.codec) | ACTIVE | IN_MODE[Mode.VOICE_CHAT]
    assert audible == {address: word for address, word in expected.items() if address in audible}
    assert not page_0(detour, board.codec)[0x1A] & 0x80, "the AGC is off; the figures of the last mode may stay"


def test_nothing_is_written_twice(board: Board) -> None:
    same = ("active", asked(board, Mode.DEFAULT))
    assert not list(walk(board, same, same))[-1].steps


def test_high_pass_is_a_dc_blocker() -> None:
    n0, n1, d1 = (int.from_bytes(bytes(PAGE_1[i : i + 2]), signed=True) for i in (0, 2, 4))

    def gain_db(hz: float, rate_hz: float) -> float:
        z = cmath.exp(2j * math.pi * hz / rate_hz)
        return 20 * math.log10(abs((n0 + n1 / z) / (32768 - d1 / z)))

    assert n0 + n1 == 0, "no DC at all"
    assert gain_db(8.6, 48_000) == pytest.approx(-3.0, abs=0.1)
    assert gain_db(2.9, 16_000) == pytest.approx(-3.0, abs=0.1)
    assert gain_db(100, 48_000) == pytest.approx(0.0, abs=0.05)
    assert gain_db(10_000, 48_000) == pytest.approx(0.0, abs=0.01)


def test_a_reset_begins_on_page_0(codec: CodecDescription) -> None:
    assert codec.reset.writes == (("PAGE_SELECT", 0x00), ("SOFT_RESET", 0x80))
    assert codec.reset.wait_ms >= 1


def test_every_write_finds_its_page_and_every_plan_ends_on_page_0(board: Board) -> None:
    page = None
    for step in tour(board):
        for write in step.writes:
            if write.register.address == 0x00:
                page = write.word
            else:
                assert page == write.register.page, write.register.name
        assert page == 0


def test_a_coefficient_that_may_have_been_lost_is_written_with_all_others_and_page_0_comes_back(board: Board) -> None:
    settings = asked(board, Mode.DEFAULT)
    (first,) = walk(board, ("active", settings))
    again = plan(board.codec, first.words, settings, "active", board.mclk_hz, ["RHPF_D1_LSB"])
    order = [w.register.address for w in again.writes if w.register.page or w.register.address == 0x00]
    assert order == [0x00, *range(0x41, 0x4D), 0x00]


def test_the_fraction_of_the_pll_is_written_as_a_pair(board: Board) -> None:
    settings = asked(board, Mode.DEFAULT)
    (first,) = walk(board, ("active", settings | {"rate_hz": 44_100}))
    again = plan(board.codec, first.words, settings | {"rate_hz": 44_100}, "active", board.mclk_hz, ["PLL_D"])
    order = [w.register.address for w in again.writes]
    assert order[order.index(0x05) + 1] == 0x06


def test_rate_and_clock_stand_while_a_converter_runs(board: Board) -> None:
    for event, held in on_the_wire(tour(board)):
        if isinstance(event, Write) and not event.register.page and event.register.address in CLOCKS:
            assert not [address for address in (0x13, 0x16, 0x25) if held.get(address, 0) & POWER[address]]


def test_clocks_change_and_power_falls_in_silence_that_had_time_to_arrive(board: Board) -> None:
    sounding, waited_ms = False, 0.0
    for event, held in on_the_wire(tour(board)):
        if isinstance(event, Wait):
            waited_ms += event.seconds * 1e3
            continue
        address, before = event.register.address, event.before or 0
        if event.register.page or event.resets:
            continue
        if address in (0x2B, 0x2C):
            sounding = not event.word & 0x80
            waited_ms = 0.0
        falls = address in POWER and address != 0x19 and before & POWER[address] & ~event.word
        if falls or (address in (0x02, 0x03, 0x65) and 0x25 in held):
            assert not sounding
            assert waited_ms >= 128 / 8, "128 soft steps at 8 kHz"


def test_sound_comes_last(board: Board) -> None:
    for step in tour(board):
        opened = [n for n, w in enumerate(step.writes) if w.register.address in (0x2B, 0x2C) and not w.word & 0x80]
        if opened:
            assert step.sequence == "active"
            assert opened[-1] == len(step.writes) - 1
            words = page_0(step, board.codec)
            assert words[0x25] & 0xC0 == 0xC0
            assert words[0x13] & words[0x16] & 0x04


def test_headphones_come_up_mute_and_slowly(board: Board) -> None:
    settings = asked(board, Mode.DEFAULT, destination="headphones") | {"speaker": "off"}
    (step,) = walk(board, ("active", settings))
    told = [(e.register.address, e.word) if isinstance(e, Write) else str(e) for e in step.steps]
    up, wide = told.index((0x33, 0x01)), told.index((0x33, 0x09))
    assert told.index((0x2A, 0x7C)) < told.index((0x2F, 0x98)) < up
    assert told[up + 1] == (0x41, 0x01)
    assert str(told[up + 2]).startswith("wait 250 ms"), "its capacitor has 200 ms to charge"
    assert wide < told.index((0x2B, 0x00))


def test_agc_is_off_while_gains_and_its_figures_change_and_has_a_cap_before_it_comes_on(board: Board) -> None:
    on = 0
    for event, held in on_the_wire(tour(board)):
        if not isinstance(event, Write) or event.register.page:
            continue
        address = event.register.address
        if address in (0x0F, 0x10, 0x1B, 0x1C, 0x1E, 0x1F, 0x0C, 0x11, 0x12):
            assert not (held.get(0x1A, 0) | held.get(0x1D, 0)) & 0x80
        if address in (0x1A, 0x1D) and event.word & 0x80:
            on += 1
            assert max(held[0x1B], held[0x1E]) <= 0x7E, "31.5 dB: 12 dB above the fixed gain"
    assert on >= 8


def test_after_the_agc_the_gain_is_written_again(board: Board) -> None:
    default, game = list(walk(board, ("active", asked(board, Mode.DEFAULT)), ("active", asked(board, Mode.GAME_CHAT))))
    assert default.words["LADC_GAIN"] == 0x27
    assert [(w.register.address, w.word) for w in game.writes] == [
        (0x1A, 0x3F), (0x1D, 0x3F), (0x0F, 0x27), (0x10, 0x27), (0x1B, 0x60), (0x1E, 0x60),
    ]  # fmt: skip


def test_what_the_agc_cannot_do_is_said(board: Board) -> None:
    (step,) = walk(board, ("active", asked(board, Mode.DEFAULT)))
    assert [sentence.partition(" is ")[0] for sentence in step.missing] == [
        "the AGC of the TLV320AIC3104 turns up without a pause", "alc_attack_ms", "alc_decay_ms",
    ]  # fmt: skip


@pytest.mark.parametrize(("level", "word"), [("2.0V", 0x40), ("2.5V", 0x80), ("AVDD", 0xC0)])
def test_bias_is_level_and_switch_in_one(board: Board, level: str, word: int) -> None:
    on, off = ({"mic_bias": bias, "mic_bias_level": level} for bias in (True, False))
    steps = list(walk(board, ("active", on), ("active", off)))
    assert [step.words["MICBIAS"] for step in steps] == [word, 0x00]


def test_noise_gate_is_level_and_switch_in_one(board: Board) -> None:
    on, off = ({"noise_gate": gate, "noise_gate_dbfs": -60.0} for gate in (True, False))
    steps = list(walk(board, ("active", on), ("active", off)))
    assert [step.words["RAGC_C"] for step in steps] == [0x20, 0x00]


def test_a_line_input_leaves_the_converter_its_power(board: Board) -> None:
    microphone = asked(board, Mode.DEFAULT)
    steps = list(walk(board, ("active", microphone), ("active", microphone | {"microphone": "off", "line_in": "on"})))
    assert [(s.words["LINE1L_LADC"], s.words["LINE1R_RADC"]) for s in steps] == [(0x7C, 0x7C), (0x04, 0x04)]
    assert (steps[1].words["MIC2_LADC"], steps[1].words["MIC2_RADC"]) == (0xFF, 0xFF)


@pytest.mark.parametrize(("speaker", "words"), [("left", (9, 0)), ("right", (0, 9)), ("both", (9, 9)), ("off", (0, 0))])
def test_loudspeakers_are_the_line_outputs(board: Board, speaker: str, words: tuple[int, int]) -> None:
    (step,) = walk(board, ("active", asked(board, Mode.DEFAULT) | {"speaker": speaker}))
    assert (step.words["LLOPM"], step.words["RLOPM"]) == words


@pytest.mark.parametrize("sequence", ["standby", "off"])
@pytest.mark.parametrize("output", ["speaker", "headphones"])
def test_silence_powers_everything_down(board: Board, sequence: str, output: str) -> None:
    for mode in Mode:
        *_, quiet = walk(board, ("active", asked(board, mode, destination=output)), (sequence, {}))
        words = page_0(quiet, board.codec)
        assert not {a: words[a] & bits for a, bits in POWER.items() if words[a] & bits}
        assert all(words[a] & bit for a, bit in MUTE.items())
        assert not any(words[a] & bit for a, bit in UNMUTE.items())
        assert not (words[0x1A] | words[0x1D]) & 0x80
        if sequence == "off":
            assert not words[0x08] & 0xC0
            assert not words[0x03] & 0x80


def test_off_stops_the_pll(board: Board) -> None:
    *_, off = walk(board, ("active", asked(board, Mode.DEFAULT) | {"rate_hz": 44_100}), ("off", {}))
    assert off.words["PLL_A"] == 0x12
