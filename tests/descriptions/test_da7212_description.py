"""The DA7212's description and its two boards against what can be known without the chip.

Words are typed in by hand from register tables and from what public drivers write; nothing is computed from the description.
"""

from collections.abc import Mapping

import asking
import pytest

from firmware_py.board import Board, CodecDescription
from firmware_py.codec.plan import Plan, Poll, Wait, Write, plan
from firmware_py.descriptions import load_board, load_codec
from firmware_py.modes import Mode
from firmware_py.registers import Value

MCLK_HZ = 11_289_600


@pytest.fixture(scope="module")
def codec() -> CodecDescription:
    return load_codec("da7212")


@pytest.fixture(scope="module", params=["codec-zero", "iqaudio-codec-zero"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


def cold(board: Board, mode: Mode, **ports: str) -> Plan:
    return plan(board.codec, None, asking.asked(board, mode, **ports), "active", board.mclk_hz)


def after(board: Board, before: Plan, mode: Mode, **ports: str) -> Plan:
    return plan(board.codec, before.words, asking.asked(board, mode, **ports), "active", board.mclk_hz)


def at(board: Board, words: Mapping[str, int | None]) -> dict[int, int | None]:
    """Words by address."""
    return {board.codec.map.registers[name].address: word for name, word in words.items()}


def written(steps: Plan, register: str) -> list[int]:
    return [write.word for write in steps.writes if write.register.name == register]


def place(steps: Plan, register: str, mask: int, value: int) -> int:
    """Index of the first write that leaves these bits so."""
    return next(
        i
        for i, s in enumerate(steps.steps)
        if isinstance(s, Write) and s.register.name == register and s.word & mask == value
    )


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("MIC_2_GAIN.MIC_2_AMP_GAIN", 0, -6.0),
        ("MIC_2_GAIN.MIC_2_AMP_GAIN", 5, 24.0),
        ("MIC_2_GAIN.MIC_2_AMP_GAIN", 7, 36.0),
        ("MIXIN_L_GAIN.MIXIN_L_AMP_GAIN", 0, -4.5),
        ("MIXIN_L_GAIN.MIXIN_L_AMP_GAIN", 3, 0.0),
        ("MIXIN_L_GAIN.MIXIN_L_AMP_GAIN", 15, 18.0),
        ("AUX_L_GAIN.AUX_L_AMP_GAIN", 0x00, -54.0),
        ("AUX_L_GAIN.AUX_L_AMP_GAIN", 0x35, 0.0),
        ("AUX_L_GAIN.AUX_L_AMP_GAIN", 0x3F, 15.0),
        ("ADC_L_GAIN.ADC_L_DIGITAL_GAIN", 0x07, float("-inf")),
        ("ADC_L_GAIN.ADC_L_DIGITAL_GAIN", 0x6F, 0.0),
        ("ADC_L_GAIN.ADC_L_DIGITAL_GAIN", 0x7F, 12.0),
        ("DAC_R_GAIN.DAC_R_DIGITAL_GAIN", 0x08, -77.25),
        ("DAC_R_GAIN.DAC_R_DIGITAL_GAIN", 0x67, -6.0),
        ("DAC_R_GAIN.DAC_R_DIGITAL_GAIN", 0x6F, 0.0),
        ("HP_L_GAIN.HP_L_AMP_GAIN", 0x00, -57.0),
        ("HP_L_GAIN.HP_L_AMP_GAIN", 0x39, 0.0),
        ("HP_L_GAIN.HP_L_AMP_GAIN", 0x3F, 6.0),
        ("LINE_GAIN.LINE_AMP_GAIN", 0x00, -48.0),
        ("LINE_GAIN.LINE_AMP_GAIN", 0x30, 0.0),
        ("LINE_GAIN.LINE_AMP_GAIN", 0x3F, 15.0),
        ("ALC_TARGET_MIN.ALC_THRESHOLD_MIN", 10, -15.0),
        ("ALC_NOISE.ALC_NOISE", 63, -94.5),
        ("ALC_GAIN_LIMITS.ALC_GAIN_MAX", 2, 12.0),
        ("ALC_GAIN_LIMITS.ALC_ATTEN_MAX", 2, -12.0),
        ("ALC_ANA_GAIN_LIMITS.ALC_ANA_GAIN_MAX", 7, 36.0),
        ("ALC_CTRL2.ALC_ATTACK", 12, 180224.0),
        ("ALC_CTRL2.ALC_RELEASE", 10, 180224.0),
        ("ALC_CTRL3.ALC_HOLD", 15, 2031616.0),
        ("MICBIAS_CTRL.MICBIAS2_LEVEL", 1, "2.2V"),
        ("DAI_CLK_MODE.DAI_BCLKS_PER_WCLK", 1, 64.0),
        ("DAI_CTRL.DAI_WORD_LENGTH", 3, 32.0),
        ("SR.SR", 11, "48k"),
    ],
)  # fmt: skip
def test_a_code_means_what_the_datasheet_says(
    codec: CodecDescription, path: str, code: int, means: float | str
) -> None:
    assert codec.map.find(path)[1].scale.decode(code) == pytest.approx(means)


@pytest.mark.parametrize(
    ("mclk_hz", "rate_hz", "integer", "fraction", "control"),
    [
        (11_289_600, 48_000, 0x22, 0x1A8E, 0x84),
        (11_289_600, 44_100, None, None, 0x04),
        (12_288_000, 44_100, 0x1D, 0x0CCC, 0x84),
        (12_288_000, 48_000, None, None, 0x04),
        (24_000_000, 48_000, 0x20, 0x1893, 0x88),
        (24_000_000, 44_100, 0x1E, 0x0361, 0x88),
        (12_000_000, 16_000, 0x20, 0x1893, 0x84),
        (22_579_200, 88_200, None, None, 0x08),
        (22_579_200, 32_000, 0x22, 0x1A8E, 0x88),
        (24_576_000, 96_000, None, None, 0x08),
        (24_576_000, 22_050, 0x1D, 0x0CCC, 0x88),
    ],
)
def test_the_pll_makes_the_rate_to_ten_millionths(
    codec: CodecDescription, mclk_hz: int, rate_hz: int, integer: int | None, fraction: int | None, control: int
) -> None:
    words = plan(codec, None, {"rate_hz": rate_hz}, "active", mclk_hz).words
    assert words["PLL_CTRL"] == control
    divider = {0: 2, 1: 4, 2: 8, 3: 16}[control >> 2 & 3]
    family = 48_000 if 48_000 % rate_hz == 0 or rate_hz in (32_000, 96_000) else 44_100
    if integer is None or fraction is None:
        assert mclk_hz % (256 * family) == 0, "without the PLL, MCLK itself is the clock"
        return
    assert (words["PLL_INTEGER"], words["PLL_FRAC_TOP"], words["PLL_FRAC_BOT"]) == (
        integer, fraction >> 8, fraction & 0xFF,
    )  # fmt: skip
    assert mclk_hz / divider * (integer + fraction / 8192) == pytest.approx(2048 * family, rel=1e-5)


@pytest.mark.parametrize(
    ("rate_hz", "code"),
    [(8000, 1), (11025, 2), (12000, 3), (16000, 5), (22050, 6), (24000, 7), (32000, 9), (44100, 10), (48000, 11),
     (88200, 14), (96000, 15)],
)  # fmt: skip
@pytest.mark.parametrize("mclk_hz", [11_289_600, 12_000_000, 12_288_000, 22_579_200, 24_000_000, 24_576_000])
def test_every_crystal_makes_every_rate(codec: CodecDescription, mclk_hz: int, rate_hz: int, code: int) -> None:
    assert plan(codec, None, {"rate_hz": rate_hz}, "active", mclk_hz).words["SR"] == code


def test_a_reset_word_is_what_the_driver_has(codec: CodecDescription) -> None:
    words = {r.address: r.reset for r in codec.map.registers.values()}
    assert [words[a] for a in range(0x21, 0x2B)] == [0x10, 0x0A, 0x80, 0x00, 0x00, 0x20, 0x0C, 0x01, 0x08, 0x32]
    assert [words[a] for a in range(0x30, 0x3B)] == [
        0x35, 0x35, 0x00, 0x00, 0x03, 0x03, 0x6F, 0x6F, 0x80, 0x01, 0x01,
    ]  # fmt: skip
    assert [words[a] for a in range(0x40, 0x4D)] == [
        0x00, 0x88, 0x88, 0x08, 0x80, 0x6F, 0x6F, 0x61, 0x39, 0x39, 0x30, 0x00, 0x00,
    ]  # fmt: skip
    assert [words[a] for a in range(0x60, 0x70)] == [
        0x44, 0x44, 0x11, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x48, 0x40, 0x41, 0x40, 0x40, 0x10, 0x10,
    ]  # fmt: skip
    assert [words[a] for a in range(0x9A, 0xA3)] == [0x00, 0x00, 0x3F, 0x3F, 0x00, 0xFF, 0x71, 0x00, 0x00]


COMMON = {
    0x21: 0x10, 0x23: 0x88, 0x24: 0x1A, 0x25: 0x8E, 0x26: 0x22, 0x27: 0x84,  # references; 98.304 MHz from 11.2896 MHz
    0x28: 0x81, 0x29: 0xCC,                           # provider, 64 bit clocks; interface and DATOUT on, 32 bits, I2S
    0x2A: 0xBA,                                       # both channels to the one loudspeaker
    0x32: 0x04, 0x33: 0x02, 0x34: 0x02, 0x35: 0x02,   # MIC2 on both sides, -1.5 dB
    0x36: 0x6F, 0x37: 0x6F, 0x45: 0x6F, 0x46: 0x6F,   # digital gains 0 dB
    0x43: 0x08, 0xB2: 0x00,                           # no equaliser, no gate
    0x47: 0x61, 0x4A: 0x30, 0x4B: 0x08, 0x4C: 0x08,   # no charge pump; loudspeaker 0 dB; DACs to the output mixers
    0x62: 0x99, 0x63: 0x00, 0x64: 0x80,               # bias 2.2 V; only the second microphone amplifier
    0x65: 0xA8, 0x66: 0xA8, 0x67: 0xA0, 0x68: 0xA0,
    0x69: 0xA8, 0x6A: 0xA0, 0x6B: 0x61, 0x6C: 0x60, 0x6D: 0xA8, 0x6E: 0x98, 0x6F: 0x98,
    0x90: 0x00, 0x91: 0x00, 0x94: 0x00, 0xFD: 0x01,
}  # fmt: skip
LEVELLING = {0x2B: 0x8B, 0x9B: 0x58, 0x9C: 0x3F, 0x9D: 0x0A, 0x9E: 0x08, 0x9F: 0x22, 0xA0: 0x71, 0xA1: 0x00}


@pytest.mark.parametrize(
    ("mode", "own"),
    [
        (Mode.VOICE_CHAT, {0x22: 0x05, 0x2B: 0x00, 0x38: 0x80, 0x39: 0x05, 0x3A: 0x05, 0x44: 0x80}),
        (Mode.GAME_CHAT, {0x22: 0x0B, 0x2B: 0x00, 0x38: 0x80, 0x39: 0x05, 0x3A: 0x05, 0x44: 0x80}),
        (Mode.MEASUREMENT, {0x22: 0x0B, 0x2B: 0x00, 0x38: 0x00, 0x39: 0x02, 0x3A: 0x02, 0x44: 0x00}),
        (Mode.DEFAULT, {0x22: 0x0B, 0x38: 0x80, 0x39: 0x05, 0x3A: 0x05, 0x44: 0x80, 0x9A: 0x87} | LEVELLING),
        (Mode.VIDEO_RECORDING, {0x22: 0x0B, 0x38: 0x80, 0x39: 0x04, 0x3A: 0x04, 0x44: 0x80, 0x9A: 0x97} | LEVELLING),
    ],
)
def test_a_mode_ends_in_these_words(board: Board, mode: Mode, own: Mapping[int, int]) -> None:
    made = cold(board, mode)
    words = at(board, made.words)
    expected = {**COMMON, **own}
    assert {address: words[address] for address in expected} == expected
    assert made.missing == ()


def test_it_is_woken_before_anything_else_and_its_references_charge_before_its_clocks(board: Board) -> None:
    made = cold(board, Mode.VOICE_CHAT)
    assert [s.register.address for s in made.steps[:4] if isinstance(s, Write)] == [0x1D, 0xFD]
    assert made.writes[0].word == 0x80
    waits = [(i, s.seconds) for i, s in enumerate(made.steps) if isinstance(s, Wait)]
    assert any(s >= 0.025 for i, s in waits if place(made, "REFERENCES", 0x88, 0x88) < i < place(made, "SR", 0x0F, 5))
    assert any(i == place(made, "MICBIAS_CTRL", 0x88, 0x88) + 1 and s == 1.0 for i, s in waits)
    assert any(
        place(made, "MIXOUT_R_CTRL", 0x80, 0x80) < i < place(made, "LINE_CTRL", 0x80, 0x80) and s == 0.25
        for i, s in waits
    )
    assert board.codec.map.wire.nak_retries > 0


@pytest.mark.parametrize("mode", list(Mode))
def test_nothing_is_heard_before_the_clocks_run(board: Board, mode: Mode) -> None:
    made = cold(board, mode)
    runs = place(made, "DAI_CTRL", 0xC0, 0xC0)
    assert place(made, "PLL_CTRL", 0x80, 0x80) < place(made, "SR", 0x0F, made.words["SR"] or 0) < runs
    assert place(made, "DAI_CLK_MODE", 0x80, 0x80) < runs
    for register in ("LINE_CTRL", "DAC_L_CTRL", "DAC_R_CTRL", "ADC_L_CTRL", "ADC_R_CTRL"):
        assert runs < place(made, register, 0xC0, 0x80), register
    last = [write.register.name for write in made.writes[-2:]]
    assert last == ["DAC_L_CTRL", "DAC_R_CTRL"], "sound comes last"


def test_a_new_rate_is_set_in_silence_and_with_the_interface_at_rest(board: Board) -> None:
    made = after(board, cold(board, Mode.VOICE_CHAT), Mode.MEASUREMENT)
    changes = place(made, "SR", 0x0F, 11)
    assert written(made, "DAC_L_CTRL") == [0xE8, 0xA8]
    assert place(made, "DAC_L_CTRL", 0x40, 0x40) < place(made, "DAI_CTRL", 0x80, 0x00) < changes
    assert place(made, "DAI_CLK_MODE", 0x80, 0x00) < changes < place(made, "DAI_CLK_MODE", 0x80, 0x80)
    assert written(made, "PLL_CTRL") == [], "both rates are of one family"


def test_the_pll_rests_while_its_ratio_changes(codec: CodecDescription) -> None:
    first = plan(codec, None, {"rate_hz": 44_100, "provider": "codec"}, "active", 24_000_000)
    made = plan(codec, first.words, {"rate_hz": 48_000, "provider": "codec"}, "active", 24_000_000)
    assert written(made, "PLL_CTRL") == [0x08, 0x88]
    assert place(made, "PLL_CTRL", 0x80, 0x00) < place(made, "PLL_FRAC_TOP", 0x1F, 0x18)
    assert place(made, "PLL_INTEGER", 0x7F, 0x20) < place(made, "PLL_CTRL", 0x80, 0x80)


GAINS = ("MIC_1_GAIN", "MIC_2_GAIN", "MIXIN_L_GAIN", "MIXIN_R_GAIN")


def test_no_gain_is_written_under_alc_and_each_is_written_once_it_is_off(board: Board) -> None:
    before = cold(board, Mode.DEFAULT)
    for mode in (Mode.VIDEO_RECORDING, Mode.MEASUREMENT, Mode.VOICE_CHAT, Mode.GAME_CHAT):
        made = after(board, before, mode)
        off = place(made, "ALC_CTRL1", 0xFF, 0x00)
        assert all(written(made, name) for name in GAINS), mode
        on = [i for i, s in enumerate(made.steps) if isinstance(s, Write) and s.word & 0x88 and i > off
              and s.register.name == "ALC_CTRL1"]  # fmt: skip
        touched = [i for i, s in enumerate(made.steps) if isinstance(s, Write)
                   and (s.register.name in GAINS or 0x9A <= s.register.address <= 0xA2)]  # fmt: skip
        assert off < min(touched)
        assert max(touched) < min(on, default=len(made.steps))


@pytest.mark.parametrize("first", [None, Mode.MEASUREMENT, Mode.VIDEO_RECORDING])
def test_hybrid_alc_is_calibrated_with_every_input_muted(board: Board, first: Mode | None) -> None:
    made = cold(board, Mode.DEFAULT) if first is None else after(board, cold(board, first), Mode.DEFAULT)
    start = place(made, "ALC_CTRL1", 0xFF, 0x10)
    words = dict(cold(board, first).words if first else {r.name: r.reset for r in board.codec.map.registers.values()})
    for step in made.steps[:start]:
        if isinstance(step, Write):
            words[step.register.name] = step.after
    for name in ("MIC_1_CTRL", "MIC_2_CTRL", "AUX_L_CTRL", "AUX_R_CTRL"):
        assert (words[name] or 0) & 0x40, name
    assert (words["ADC_L_CTRL"], words["ADC_R_CTRL"]) == (0xA0, 0xA0)
    assert (words["MIXIN_L_SELECT"], words["MIXIN_R_SELECT"]) == (0x04, 0x02)
    done = made.steps[start + 1]
    assert isinstance(done, Poll)
    assert not done.otherwise, "a calibration that never ends fails the plan"
    assert [done.met(word) for word in (0x00, 0x10)] == [True, False]
    assert done.timeout_s >= 0.1
    assert start < place(made, "MIC_2_CTRL", 0xC0, 0x80) < place(made, "ALC_CTRL1", 0xFF, 0x8B) or first is None
    assert written(made, "ALC_CTRL1")[-1] == 0x8B


def test_an_overflow_leaves_digital_gain_alone(board: Board) -> None:
    made = cold(board, Mode.DEFAULT)
    checked = made.steps[place(made, "ALC_CTRL1", 0xFF, 0x8B) + 1]
    assert isinstance(checked, Poll)
    assert [checked.met(word) for word in (0x8B, 0xAB)] == [True, False]
    assert [(w.register.address, w.word) for w in checked.otherwise] == [(0x2B, 0x88)]
    words = dict(made.words) | {"ALC_CTRL1": 0x88}
    again = plan(board.codec, words, asking.asked(board, Mode.DEFAULT), "active", board.mclk_hz)
    assert written(again, "ALC_CTRL1") == [0x00, 0x10, 0x8B], "the next plan tries again, from the calibration on"


def test_a_mode_that_stands_is_not_written_again(board: Board) -> None:
    for mode in Mode:
        assert after(board, cold(board, mode), mode).steps == ()


@pytest.mark.parametrize(
    ("asked", "word"), [({"noise_gate": False}, 0x3F), ({"noise_gate": True}, 0x20),
                        ({"noise_gate": True, "noise_gate_dbfs": -39.0}, 0x1A)],
)  # fmt: skip
def test_the_noise_gate_is_a_level_and_off_is_the_lowest(board: Board, asked: dict[str, Value], word: int) -> None:
    made = plan(board.codec, None, asking.asked(board, Mode.DEFAULT) | asked, "active", board.mclk_hz)
    assert made.words["ALC_NOISE"] == word


def test_times_of_the_alc_follow_the_rate(board: Board) -> None:
    slow = asking.asked(board, Mode.DEFAULT) | {"rate_hz": 16_000}
    words = plan(board.codec, None, slow, "active", board.mclk_hz).words
    assert words["ALC_CTRL2"] == 0x65  # 1408 of 16000 are 88 ms, 11264 are 704 ms
    assert (words["ALC_CTRL3"] or 0) & 0xF == 6  # 3968 are 248 ms


def test_headphones_are_stereo_and_get_their_charge_pump_first(board: Board) -> None:
    made = cold(board, Mode.DEFAULT, destination="headphones")
    words = at(board, made.words)
    assert {a: words[a] for a in (0x2A, 0x47, 0x48, 0x49, 0x6B, 0x6C, 0x6D)} == {
        0x2A: 0x32, 0x47: 0xE1, 0x48: 0x2D, 0x49: 0x2D, 0x6B: 0xA9, 0x6C: 0xA8, 0x6D: 0x60,
    }  # fmt: skip
    assert place(made, "CP_CTRL", 0x80, 0x80) < place(made, "HP_L_CTRL", 0x80, 0x80)
    back = after(board, made, Mode.DEFAULT)
    assert place(back, "HP_L_CTRL", 0x40, 0x40) < place(back, "CP_CTRL", 0x80, 0x00)
    assert place(back, "DAC_R_CTRL", 0x40, 0x40) < place(back, "DIG_ROUTING_DAC", 0xFF, 0xBA)


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("microphone", {0x32: 0x04, 0x33: 0x02, 0x60: 0x24, 0x61: 0x24, 0x62: 0x99, 0x63: 0x00, 0x64: 0x80}),
        ("external_microphone", {0x32: 0x02, 0x33: 0x04, 0x60: 0x24, 0x61: 0x24, 0x62: 0x99, 0x63: 0x80, 0x64: 0x00}),
        ("aux_in", {0x30: 0x35, 0x32: 0x01, 0x33: 0x01, 0x34: 0x03, 0x60: 0xA4, 0x61: 0xA4, 0x62: 0x11, 0x64: 0x00}),
    ],
)
def test_a_port_opens_its_way_in(board: Board, port: str, words: Mapping[int, int]) -> None:
    got = at(board, cold(board, Mode.MEASUREMENT, source=port).words)
    assert {address: got[address] for address in words} == words


def test_standby_is_silent_and_cool_but_keeps_references_and_pll(board: Board) -> None:
    made = plan(board.codec, cold(board, Mode.DEFAULT).words, {}, "standby", board.mclk_hz)
    words = at(board, made.words)
    assert (words[0x23], words[0x27], words[0xFD]) == (0x88, 0x84, 0x01)
    assert (words[0x2B], words[0x28], words[0x62], words[0x94]) == (0x00, 0x01, 0x11, 0x01)
    for address in range(0x60, 0x70):
        assert address == 0x62 or (words[address] or 0) & 0x80 == 0, hex(address)
    assert isinstance(made.steps[3], Wait), "a mute that ramps has yet to arrive"
    assert {w.register.name for w in made.writes[:3]} == {"DAC_L_CTRL", "DAC_R_CTRL", "LINE_CTRL"}


@pytest.mark.parametrize("mode", [None, *Mode])
def test_off_powers_everything_down(board: Board, mode: Mode | None) -> None:
    before = cold(board, mode).words if mode else None
    made = plan(board.codec, before, {}, "off", board.mclk_hz)
    words = at(board, made.words)
    assert (words[0x23], (words[0x27] or 0) & 0x80, words[0x28], (words[0x29] or 0) & 0xC0) == (0x00, 0, 0x01, 0)
    assert (words[0x2B], (words[0x47] or 0) & 0x80, words[0x62], words[0xFD]) == (0x00, 0, 0x11, 0x00)
    for address in range(0x60, 0x70):
        assert address == 0x62 or (words[address] or 0) & 0x80 == 0, hex(address)
    if mode:
        assert made.writes[-1].register.address == 0xFD
        back = plan(board.codec, made.words, asking.asked(board, mode), "active", board.mclk_hz)
        assert back.writes[0].register.address == 0xFD
        assert at(board, back.words) == at(board, before or {})


def test_what_must_never_be_written_is_not(board: Board) -> None:
    for mode in Mode:
        addresses = {write.register.address for write in cold(board, mode).writes}
        assert not addresses & {0x50, 0x51, 0x90, 0x91, 0xE0}


def test_button_and_leds_are_where_the_boards_have_them(board: Board) -> None:
    assert [(b.gpio, b.active) for b in board.buttons] == [(27, "low")]
    assert isinstance(board.leds, tuple)
    assert [(led.name, led.gpio) for led in board.leds] == [("green", 23), ("red", 24)]
    assert (board.mclk_hz, board.clock_provider, board.i2c_address) == (MCLK_HZ, "codec", 0x1A)
