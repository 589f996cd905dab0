"""The ES8388's description against what can be known without the chip: words, arithmetic, anchors and order."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import by_address, enter, leave

from firmware_py.board import Board, ClockRow, CodecDescription
from firmware_py.codec.plan import Plan, Wait, Write, plan
from firmware_py.descriptions import load_board
from firmware_py.modes import Mode

BENCH = Path(__file__).parents[1] / "boards" / "es8388-bench.toml"

EVERY_MODE = {
    0x00: 0x55,  # one clock, reference on, VMID 50k
    0x01: 0x40,  # nothing in low power
    0x02: 0x00,  # everything powered and running
    0x03: 0x00,  # inputs, converters and microphone bias powered
    0x04: 0x30,  # DACs powered, first pair of outputs on
    0x08: 0x80,  # provider, MCLK as it is, BCLK as the chip chooses
    0x0A: 0x00,  # first pair of inputs
    0x0B: 0x02,
    0x0C: 0x10,  # I2S, 32 bits
    0x0F: 0x20,  # in ramps
    0x10: 0x00,  # 0 dB
    0x11: 0x00,
    0x15: 0x06,
    0x16: 0x00,  # no noise gate
    0x17: 0x20,  # I2S, 32 bits
    0x19: 0x22,  # unmuted, in ramps
    0x1A: 0x00,
    0x1B: 0x00,
    0x26: 0x00,
    0x27: 0x90,  # DAC to mixer, sidetone off at 0 dB
    0x2A: 0x90,
    0x2B: 0x80,  # one frame clock
    0x2D: 0x00,
    0x2E: 0x16,  # -12 dB
    0x2F: 0x16,
    0x30: 0x1E,  # 0 dB
    0x31: 0x1E,
    0x35: 0xA0,
    0x37: 0xD0,
    0x39: 0xD0,
}
IN_MODE = {
    Mode.VOICE_CHAT: {
        0x09: 0x88,  # 24 dB
        0x0D: 0x06,  # 768 clocks a frame
        0x0E: 0x30,  # DC blockers on
        0x12: 0x00,  # no level control
        0x18: 0x06,
    },
    Mode.MEASUREMENT: {
        0x09: 0x22,  # 6 dB
        0x0D: 0x02,  # 256 clocks a frame
        0x0E: 0x00,  # DC blockers off
        0x12: 0x00,
        0x18: 0x02,
    },
    Mode.DEFAULT: {
        0x09: 0x88,
        0x0D: 0x02,
        0x0E: 0x30,
        0x12: 0xF8,  # both channels, at most 35.5 dB, at least -12 dB
        0x13: 0x38,  # -12 dBFS, 342 ms
        0x14: 0xAA,  # 420 ms up, 106 ms down
        0x18: 0x02,
    },
    Mode.VIDEO_RECORDING: {
        0x09: 0x66,  # 18 dB
        0x12: 0xF0,  # at most 29.5 dB
    },
}


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board(str(BENCH))


@pytest.fixture(scope="module")
def codec(board: Board) -> CodecDescription:
    return board.codec


def order(made: Plan) -> list[tuple[int, int] | str]:
    """Addresses and words, and the waits between them."""
    return [(s.register.address, s.word) if isinstance(s, Write) else "wait" for s in made.steps]


@pytest.mark.parametrize(
    ("path", "code", "means"),
    [
        ("ADCCONTROL1.MICAMPL", 0, 0.0),
        ("ADCCONTROL1.MICAMPL", 1, 3.0),
        ("ADCCONTROL1.MICAMPR", 8, 24.0),
        ("ADCCONTROL1.MICAMPR", 11, 24.0),  # beyond the scale
        ("ADCCONTROL8.LADCVOL", 0x00, 0.0),
        ("ADCCONTROL8.LADCVOL", 0x01, -0.5),
        ("ADCCONTROL9.RADCVOL", 0xC0, -96.0),
        ("DACCONTROL4.LDACVOL", 0x00, 0.0),
        ("DACCONTROL4.LDACVOL", 0x18, -12.0),
        ("DACCONTROL5.RDACVOL", 0xC0, -96.0),
        ("LOUT1VOL.LOUT1VOL", 0x00, -45.0),
        ("LOUT1VOL.LOUT1VOL", 0x1E, 0.0),
        ("ROUT2VOL.ROUT2VOL", 0x21, 4.5),
        ("DACCONTROL17.LI2LOVOL", 0, 6.0),
        ("DACCONTROL17.LI2LOVOL", 2, 0.0),
        ("DACCONTROL20.RI2ROVOL", 7, -15.0),
        ("ADCCONTROL10.MAXGAIN", 7, 35.5),
        ("ADCCONTROL10.MINGAIN", 0, -12.0),
        ("ADCCONTROL11.ALCLVL", 3, -12.0),
        ("ADCCONTROL11.ALCLVL", 15, -1.5),  # saturates
        ("ADCCONTROL11.ALCHLD", 0, 0.0),
        ("ADCCONTROL11.ALCHLD", 9, 683.52),
        ("ADCCONTROL12.ALCDCY", 10, 419.84),
        ("ADCCONTROL12.ALCDCY", 15, 419.84),  # saturates
        ("ADCCONTROL12.ALCATK", 1, 0.208),
        ("ADCCONTROL14.NGTH", 31, -30.0),
        ("ADCCONTROL4.ADCWL", 4, 32.0),
        ("DACCONTROL1.DACWL", 3, 16.0),
        ("ADCPOWER.MICBIAS_OFF", 1, "off"),
        ("ADCPOWER.MICBIAS_OFF", 0, "powered"),
        ("DACCONTROL3.DACMUTE", 1, "muted"),
    ],
)  # fmt: skip
def test_a_code_means_what_the_drivers_say(codec: CodecDescription, path: str, code: int, means: float | str) -> None:
    decoded = codec.map.find(path)[1].scale.decode(code)
    assert decoded == (means if isinstance(means, str) else pytest.approx(means))


@pytest.mark.parametrize("mode", IN_MODE)
def test_an_unknown_chip_ends_at_these_words(board: Board, mode: Mode) -> None:
    words = by_address(board, enter(board, mode))
    expected = EVERY_MODE | IN_MODE[mode]
    assert {f"{a:02x}": f"{words[a]:02x}" for a in expected} == {f"{a:02x}": f"{w:02x}" for a, w in expected.items()}


def test_a_reset_is_muted_and_released(board: Board) -> None:
    assert order(enter(board, Mode.DEFAULT))[:3] == [(0x19, 0x06), (0x00, 0x80), (0x00, 0x00)]


@pytest.mark.parametrize("mode", list(Mode))
def test_from_an_unknown_chip_sound_comes_last(board: Board, mode: Mode) -> None:
    steps = order(enter(board, mode))
    charge = steps.index((0x00, 0x07))
    assert steps[charge + 1] == "wait"
    provider, outputs = steps.index((0x08, 0x80)), steps.index((0x04, 0x30))
    assert steps[-2:] == [(0x02, 0x00), (0x19, 0x22)]
    assert charge < steps.index((0x02, 0xF0)) < provider < outputs < len(steps) - 2
    assert steps.index((0x2E, 0x16)) < outputs, "the gain stands before the amplifier is on"


def test_vmid_charges_for_a_tenth_of_a_second(board: Board) -> None:
    steps = enter(board, Mode.DEFAULT).steps
    charge = next(n for n, s in enumerate(steps) if isinstance(s, Write) and s.register.address == 0 and s.word == 0x07)
    wait = steps[charge + 1]
    assert isinstance(wait, Wait)
    assert wait.seconds >= 0.1


def test_another_rate_halts_the_state_machines_under_a_muted_dac(board: Board) -> None:
    steps = order(enter(board, Mode.MEASUREMENT, dict(enter(board, Mode.VOICE_CHAT).words)))
    assert steps == [
        (0x19, 0x26), "wait",
        (0x02, 0xF0), (0x0D, 0x02), (0x18, 0x02),
        (0x0E, 0x00), (0x09, 0x22),
        (0x02, 0x00), (0x19, 0x22),
    ]  # fmt: skip


def test_another_gain_alone_disturbs_nothing(board: Board) -> None:
    steps = order(enter(board, Mode.GAME_CHAT, dict(enter(board, Mode.MEASUREMENT).words)))
    assert steps == [(0x0E, 0x30), (0x09, 0x88)]


def test_opened_inputs_start_the_state_machines_anew(board: Board) -> None:
    settings = dict(enter(board, Mode.MEASUREMENT).settings)
    closed = plan(board.codec, None, settings | {"microphone": "off", "mic_bias": False}, "active", board.mclk_hz)
    assert by_address(board, closed)[0x03] == 0xC8
    steps = order(plan(board.codec, closed.words, settings, "active", board.mclk_hz))
    assert steps == [(0x19, 0x26), "wait", (0x03, 0x00), (0x02, 0xF0), (0x02, 0x00), (0x19, 0x22)]


def test_other_inputs_are_chosen_while_the_converter_has_no_power(board: Board) -> None:
    settings = dict(enter(board, Mode.MEASUREMENT).settings)
    microphones = plan(board.codec, None, settings, "active", board.mclk_hz)
    steps = order(
        plan(
            board.codec,
            microphones.words,
            settings | {"microphone": "off", "line_in": "on", "mic_bias": False},
            "active",
            board.mclk_hz,
        )
    )
    assert steps.index((0x03, 0xFC)) < steps.index((0x0A, 0x50)) < steps.index((0x03, 0x08))


def test_gains_never_move_under_the_alc(board: Board) -> None:
    steps = order(enter(board, Mode.VIDEO_RECORDING, dict(enter(board, Mode.DEFAULT).words)))
    assert steps == [(0x12, 0x38), (0x09, 0x66), (0x12, 0xF0)]


def test_a_gain_under_the_alc_is_never_trusted(codec: CodecDescription) -> None:
    for sequence in ("active", "standby", "off"):
        off = next(step for step in codec.sequences[sequence] if step.set.get("ADCCONTROL10.ALCSEL") == "off")
        assert off.forget == ("ADCCONTROL1",)


def test_standby_is_silent_and_keeps_vmid(board: Board) -> None:
    made = leave(board, dict(enter(board, Mode.DEFAULT).words), "standby")
    assert order(made)[:2] == [(0x19, 0x26), "wait"]
    words = by_address(board, made)
    assert [words[a] for a in (0x00, 0x01, 0x02, 0x03, 0x04, 0x09)] == [0x56, 0x40, 0xF0, 0xFC, 0xC0, 0x00]
    assert enter(board, Mode.DEFAULT, dict(made.words)).wait_s == 0.0


def test_off_powers_all_down_after_a_mute(board: Board) -> None:
    made = leave(board, dict(enter(board, Mode.DEFAULT).words), "off")
    assert order(made)[:2] == [(0x19, 0x26), "wait"]
    words = by_address(board, made)
    assert [words[a] for a in (0x02, 0x03, 0x04, 0x08)] == [0xFF, 0xFF, 0xC0, 0x00]
    assert (words[0x00] or 0) & 0x07 == 0, "neither reference nor VMID"
    assert words[0x01] == 0x4D


def word(codec: CodecDescription, register: str, row: ClockRow) -> int:
    """A register's word after a clock row was set from nothing."""
    value = 0
    for path, asked in row.set.items():
        if path.startswith(f"{register}."):
            field = codec.map.find(path)[1]
            value = field.insert(value, field.scale.encode(asked))
    return value


def test_every_clock_row_halves_what_is_too_fast(codec: CodecDescription) -> None:
    for row in codec.clocks:
        assert row.mclk_hz
        divide = 2 if word(codec, "MASTERMODE", row) == 0x40 else 1
        assert row.mclk_hz == divide * (row.sysclk_hz or 0)
        assert row.sysclk_hz in (12_288_000, 11_289_600)


def test_every_rate_row_has_one_ratio_for_both_directions(codec: CodecDescription) -> None:
    ratios = {0: 128, 2: 256, 3: 384, 4: 512, 6: 768, 7: 1024, 9: 1408, 10: 1536}
    for row in codec.rates:
        code = word(codec, "ADCCONTROL5", row)
        assert word(codec, "DACCONTROL2", row) == code
        assert code & 0x20 == (0x20 if (row.rate_hz or 0) > 50_000 else 0), "double speed"
        made = (row.sysclk_hz or 0) / ratios[code & 0x1F]
        assert made == pytest.approx(row.rate_hz, rel=25e-6 if row.rate_hz == 8018 else 1e-9)


def test_rates_of_each_clock(codec: CodecDescription) -> None:
    for mclk_hz in (12_288_000, 24_576_000):
        assert codec.rates_at(mclk_hz) == [8000, 12000, 16000, 24000, 32000, 48000, 96000]
    for mclk_hz in (11_289_600, 22_579_200):
        assert codec.rates_at(mclk_hz) == [8018, 11025, 22050, 44100, 88200]
    assert codec.rates_at(24_000_000) == []
