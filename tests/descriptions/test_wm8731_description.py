"""The WM8731's description against its datasheet: words after each plan, the order in which they go, arithmetic of its rates."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from firmware_py.board import Board, CodecDescription
from firmware_py.codec import Plan, plan
from firmware_py.codec.plan import Wait, Words, Write
from firmware_py.descriptions import load_board, load_codec
from firmware_py.modes import PROFILES, Category, Mode
from firmware_py.registers import Value
from firmware_py.settings import card_factor, codec_settings

BOARD = Path(__file__).parents[2] / "boards" / "audio-injector-stereo.toml"
ALL_DOWN, MIC_AND_OUTPUTS_UP = 0x0FF, 0x041  # 0x041: CLKOUT and line inputs down, all else up


@pytest.fixture(scope="module")
def codec() -> CodecDescription:
    return load_codec("wm8731")


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board("audio-injector-stereo")


def asked(
    board: Board,
    mode: Mode,
    category: Category = Category.PLAY_AND_RECORD,
    source: str = "microphone",
    destination: str = "headphones",
) -> dict[str, Value]:
    ports = board.ports
    return codec_settings(
        board, mode, PROFILES[mode], category, source=ports[source], destination=ports[destination]
    )  # fmt: skip


def planned(
    board: Board, settings: dict[str, Value], words: Words | None = None, sequence: str = "active"
) -> tuple[Plan, Words]:
    made = plan(board.codec, words, settings, sequence, board.mclk_hz)
    return made, dict(made.words)


def by_address(board: Board, words: Words) -> dict[int, int | None]:
    return {board.codec.map.registers[name].address: word for name, word in words.items()}


def writes(made: Plan) -> list[tuple[int, int]]:
    return [(write.register.address, write.word) for write in made.writes]


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("LINVOL.LINVOL", 0x00, -34.5),
        ("LINVOL.LINVOL", 0x17, 0.0),
        ("RINVOL.RINVOL", 0x1F, 12.0),
        ("LOUT1V.LHPVOL", 0x2F, float("-inf")),
        ("LOUT1V.LHPVOL", 0x30, -73.0),
        ("ROUT1V.RHPVOL", 0x79, 0.0),
        ("ROUT1V.RHPVOL", 0x7F, 6.0),
        ("APANA.SIDEATT", 0, -6.0),
        ("APANA.SIDEATT", 1, -9.0),
        ("APANA.SIDEATT", 3, -15.0),
        ("APANA.MICBOOST", 0, 13.98),   # 20 log10(50k / 10k)
        ("APANA.MICBOOST", 1, 33.98),
        ("APANA.INSEL", 1, "mic"),
        ("APDIGI.ADCHPD", 1, "disabled"),
        ("APDIGI.DACMU", 1, "muted"),
        ("APDIGI.DEEMPH", 2, "44.1k"),
        ("PWR.MICPD", 1, "down"),
        ("IFACE.IWL", 0, 16.0),
        ("IFACE.IWL", 2, 24.0),
        ("IFACE.IWL", 3, 32.0),
        ("IFACE.FORMAT", 2, "i2s"),
    ],
)  # fmt: skip
def test_a_code_means_what_the_datasheet_says(
    codec: CodecDescription, path: str, code: int, means: float | str
) -> None:
    assert codec.map.find(path)[1].scale.decode(code) == pytest.approx(means)


def test_every_register_starts_as_the_drivers_table_says(codec: CodecDescription) -> None:
    assert {r.address: r.reset for r in codec.map.registers.values()} == {
        0x00: 0x097, 0x01: 0x097, 0x02: 0x079, 0x03: 0x079, 0x04: 0x00A,
        0x05: 0x008, 0x06: 0x09F, 0x07: 0x00A, 0x08: 0x000, 0x09: 0x000, 0x0F: 0x000,
    }  # fmt: skip


def test_a_write_is_seven_bits_of_address_and_nine_of_data(codec: CodecDescription) -> None:
    assert codec.map.wire.write_bytes(0x0F, 0x000) == b"\x1e\x00"
    assert codec.map.wire.write_bytes(0x00, 0x117) == b"\x01\x17"


# MCLK, rate: word of register 8, clocks of MCLK in a frame
RATES = {
    (12_288_000, 48_000): (0x000, 256), (12_288_000, 32_000): (0x018, 384),
    (12_288_000, 8_000): (0x00C, 1536), (12_288_000, 96_000): (0x01C, 128),
    (18_432_000, 48_000): (0x002, 384), (18_432_000, 32_000): (0x01A, 576),
    (18_432_000, 8_000): (0x00E, 2304), (18_432_000, 96_000): (0x01E, 192),
    (11_289_600, 44_100): (0x020, 256), (11_289_600, 88_200): (0x03C, 128), (11_289_600, 8_000): (0x02C, 1408),
    (16_934_400, 44_100): (0x022, 384), (16_934_400, 88_200): (0x03E, 192), (16_934_400, 8_000): (0x02E, 2112),
    (12_000_000, 48_000): (0x001, 250), (12_000_000, 32_000): (0x019, 375), (12_000_000, 8_000): (0x00D, 1500),
    (12_000_000, 96_000): (0x01D, 125), (12_000_000, 44_100): (0x023, 272), (12_000_000, 88_200): (0x03F, 136),
}  # fmt: skip
ABOUT_HZ = {
    (11_289_600, 8_000): 8018, (16_934_400, 8_000): 8018, (12_000_000, 44_100): 44_118, (12_000_000, 88_200): 88_235,
}  # fmt: skip
"""What the datasheet's notes call not exact."""


def test_every_clock_and_rate_is_in_the_datasheets_tables(codec: CodecDescription) -> None:
    made = {
        (row.mclk_hz, rate.rate_hz) for row in codec.clocks for rate in codec.rates if rate.sysclk_hz == row.sysclk_hz
    }
    assert made == set(RATES)


@pytest.mark.parametrize(("mclk_hz", "rate_hz"), RATES)
def test_a_rate_has_its_word_and_its_arithmetic(codec: CodecDescription, mclk_hz: int, rate_hz: int) -> None:
    word, clocks = RATES[mclk_hz, rate_hz]
    made = plan(codec, None, {"rate_hz": rate_hz, "provider": "codec"}, "active", mclk_hz)
    assert made.words["SRATE"] == word
    exact = ABOUT_HZ.get((mclk_hz, rate_hz), rate_hz)
    assert Fraction(mclk_hz, clocks) == pytest.approx(exact, rel=1e-5 if exact == rate_hz else 5e-5)


@pytest.mark.parametrize(
    ("mode", "boost", "filter_off"),
    [
        (Mode.DEFAULT, 1, 0), (Mode.VOICE_CHAT, 1, 0), (Mode.VIDEO_RECORDING, 0, 0),
        (Mode.MEASUREMENT, 0, 1), (Mode.GAME_CHAT, 1, 0),
    ],
)  # fmt: skip
def test_a_cold_chip_ends_in_these_words(board: Board, mode: Mode, boost: int, filter_off: int) -> None:
    _, words = planned(board, asked(board, mode))
    assert by_address(board, words) == {
        0x00: 0x097, 0x01: 0x097,       # line inputs muted at 0 dB
        0x02: 0x06D, 0x03: 0x06D,       # -12 dB
        0x04: 0x014 | boost,            # DAC alone to the outputs, microphone to the ADC
        0x05: 0x000 | filter_off,       # DAC not muted
        0x06: MIC_AND_OUTPUTS_UP,
        0x07: 0x04E,                    # provider, I2S, 32 bit
        0x08: 0x001,                    # USB mode, 250 clocks a frame: 48 kHz
        0x09: 0x001,
        0x0F: 0x000,
    }  # fmt: skip


def test_the_way_up_is_the_datasheets(board: Board) -> None:
    made, _ = planned(board, asked(board, Mode.VOICE_CHAT))
    steps = [(s.register.address, s.word) if isinstance(s, Write) else str(s)[:11] for s in made.steps]
    assert steps == [
        (0x0F, 0x000),
        (0x06, 0x05F),  # VMID and crystal
        "wait 100 ms",  # for 10 uF at VMID
        (0x04, 0x012),  # DAC alone to the outputs
        (0x06, 0x051),  # converters, microphone
        (0x04, 0x015),
        (0x07, 0x04E),
        (0x08, 0x001),
        (0x09, 0x001),
        (0x02, 0x06D),
        (0x03, 0x06D),
        (0x06, 0x041),  # outputs
        (0x05, 0x000),  # DAC heard
    ]


def test_nothing_ever_sets_bit_8(board: Board) -> None:
    """In the volumes it overwrites the other channel; elsewhere it is reserved."""
    words: Words | None = None
    for source in ("microphone", "line-in"):
        for destination in ("headphones", "line-out"):
            for mode in Mode:
                made, words = planned(board, asked(board, mode, source=source, destination=destination), words)
                assert all(word < 0x100 for _, word in writes(made))


def test_from_mode_to_mode_only_gain_and_filter_move(board: Board) -> None:
    _, words = planned(board, asked(board, Mode.VOICE_CHAT))
    made, words = planned(board, asked(board, Mode.MEASUREMENT), words)
    assert writes(made) == [(0x05, 0x001), (0x04, 0x014)]
    made, words = planned(board, asked(board, Mode.DEFAULT), words)
    assert writes(made) == [(0x05, 0x000), (0x04, 0x015)]
    made, words = planned(board, {}, words, "standby")
    assert writes(made) == [(0x05, 0x008), (0x06, 0x051), (0x04, 0x017), (0x09, 0x000), (0x06, 0x05F)]
    made, back = planned(board, asked(board, Mode.DEFAULT), words)
    assert writes(made) == [(0x06, 0x051), (0x04, 0x015), (0x09, 0x001), (0x06, 0x041), (0x05, 0x000)]
    assert not made.wait_s
    made, words = planned(board, {}, words, "off")
    assert writes(made) == [(0x07, 0x00E), (0x06, ALL_DOWN)]
    made, _ = planned(board, {}, back, "off")
    assert writes(made) == [(0x05, 0x008), (0x06, 0x051), (0x04, 0x017), (0x09, 0x000), (0x07, 0x00E), (0x06, ALL_DOWN)]
    made, words = planned(board, asked(board, Mode.DEFAULT), words)
    assert made.wait_s == 0.1, "VMID has to be charged again"
    assert words == back


def test_a_chip_of_which_nothing_is_known_is_silenced_with_a_reset(board: Board) -> None:
    made, _ = planned(board, {}, None, "off")
    assert writes(made) == [(0x0F, 0x000), (0x06, ALL_DOWN)]


def test_format_and_rate_change_only_while_muted_and_inactive(codec: CodecDescription) -> None:
    settings: dict[str, Value] = {
        "rate_hz": 48_000, "provider": "codec", "playback": True, "headphone": "on", "headphone_gain_db": -12.0,
    }  # fmt: skip
    words = dict(plan(codec, None, settings, "active", 12_288_000).words)
    made = plan(codec, words, {**settings, "rate_hz": 32_000}, "active", 12_288_000)
    assert writes(made) == [(0x05, 0x008), (0x09, 0x000), (0x08, 0x018), (0x09, 0x001), (0x05, 0x000)]
    made = plan(codec, words, {**settings, "provider": "host"}, "active", 12_288_000)
    assert writes(made) == [(0x05, 0x008), (0x09, 0x000), (0x07, 0x00E), (0x09, 0x001), (0x05, 0x000)]


@pytest.mark.parametrize(
    ("microphone", "bias", "down"), [("on", True, 0), ("on", False, 0), ("off", True, 0), ("off", False, 1)]
)
def test_amplifier_and_bias_of_the_microphone_share_a_bit_and_do_not_fight(
    board: Board, microphone: str, bias: bool, down: int
) -> None:
    settings = {**asked(board, Mode.DEFAULT), "microphone": microphone, "mic_bias": bias}
    _, words = planned(board, settings)
    assert (words["PWR"] or 0) >> 1 & 1 == down
    assert planned(board, settings, words)[0].steps == ()


@pytest.mark.parametrize(
    ("headphone", "line_out", "power", "volume"),
    [("on", "off", 0, 0x6D), ("on", "on", 0, 0x6D), ("off", "on", 0, 0x30), ("off", "off", 1, 0x30)],
)
def test_headphones_and_line_outputs_share_a_bit_and_do_not_fight(
    board: Board, headphone: str, line_out: str, power: int, volume: int
) -> None:
    settings = {**asked(board, Mode.DEFAULT), "headphone": headphone, "line_out": line_out}
    _, words = planned(board, settings)
    assert ((words["PWR"] or 0) >> 4 & 1, words["LOUT1V"], words["ROUT1V"]) == (power, volume, volume)
    assert planned(board, settings, words)[0].steps == ()


def test_line_in_takes_the_microphones_place(board: Board) -> None:
    _, words = planned(board, asked(board, Mode.DEFAULT, source="line-in"))
    found = by_address(board, words)
    assert (found[0x00], found[0x01]) == (0x017, 0x017), "0 dB, not muted"
    assert found[0x04] == 0x012, "line inputs to the ADC, microphone muted, no bypass"
    assert found[0x06] == 0x042, "line inputs up, microphone down"


def test_a_recording_leaves_the_outputs_off(board: Board) -> None:
    ports = board.ports
    profile = PROFILES[Mode.VIDEO_RECORDING]
    settings = codec_settings(
        board, Mode.VIDEO_RECORDING, profile, Category.RECORD_AUDIO, source=ports["microphone"], destination=None
    )
    _, words = planned(board, settings)
    assert by_address(board, words)[0x06] == 0x051
    assert by_address(board, words)[0x05] == 0x008


def test_what_the_chip_cannot_do_is_said(board: Board) -> None:
    made, _ = planned(board, asked(board, Mode.DEFAULT))
    assert any("no automatic level control" in sentence for sentence in made.missing)
    assert any(sentence.startswith("input_gain_db is 34 dB, not 26.6") for sentence in made.missing)


def test_a_mode_at_16_khz_runs_the_card_at_48(board: Board) -> None:
    """The overlay knows one length of a frame, 250 bit clocks: that of 48 kHz."""
    assert PROFILES[Mode.VOICE_CHAT].rate_hz == 16_000
    assert card_factor(board, PROFILES[Mode.VOICE_CHAT]) == 3
    assert asked(board, Mode.VOICE_CHAT)["rate_hz"] == 48_000
    assert board.codec.rates_at(board.mclk_hz) == [48_000]


def test_without_its_boards_limit_the_card_would_take_the_next_multiple(tmp_path: Path) -> None:
    file = tmp_path / BOARD.name
    file.write_text(re.sub(r"(?m)^rates_hz = .*$", "", BOARD.read_text()))
    free = load_board(file)
    assert free.codec.rates_at(free.mclk_hz) == [8_000, 32_000, 44_100, 48_000, 88_200, 96_000]
    assert card_factor(free, PROFILES[Mode.VOICE_CHAT]) == 2


def test_a_board_need_not_have_buttons_or_leds(board: Board) -> None:
    assert board.buttons == ()
    assert board.leds == ()


def test_registers_are_in_the_datasheets_order(codec: CodecDescription) -> None:
    addresses = [register.address for register in codec.map.registers.values()]
    assert addresses == sorted(addresses)


def test_the_only_pause_is_the_one_for_vmid(codec: CodecDescription) -> None:
    waits = [(name, step.wait_ms) for name, steps in codec.sequences.items() for step in steps if step.wait_ms]
    assert waits == [("active", 100.0)]
    made = plan(codec, None, {"rate_hz": 48_000}, "active", 12_288_000)
    pause = next(index for index, step in enumerate(made.steps) if isinstance(step, Wait))
    assert [step.word for step in made.steps[:pause] if isinstance(step, Write)] == [0x000, 0x05F]
