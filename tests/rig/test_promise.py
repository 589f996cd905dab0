"""The rig against a chip that was set wrong, a product that believes wrong numbers, and a board that is wired otherwise."""

from dataclasses import replace

import pytest

from firmware_py import Board, Category, Mode
from firmware_py.errors import FirmwareError
from firmware_py.modes import PROFILES
from hil.bench import VirtualBench
from hil.contracts import CONTRACTS
from hil.limits import PROMISES


def spoil(bench: VirtualBench, register: str, flipped: int) -> None:
    """Write to the chip behind the product's back."""
    address, word = bench.board.codec.map.registers[register].address, bench.words[register]
    word = (word or 0) ^ flipped
    bench.chip.write(bench.board.i2c_address, bytes((address << 1 | word >> 8, word & 0xFF)))


def test_every_promised_mode_has_a_contract_and_is_kept(bench):
    assert list(CONTRACTS) == list(PROMISES)
    for mode in CONTRACTS:
        with bench.active(mode):
            assert bench.mismatches() == [], mode


@pytest.mark.parametrize(
    ("mode",        "register", "flipped", "says"),
    [
        ("default",     "IFACE1",   0x00C, "interface"),          # 16 bits
        ("default",     "IFACE1",   0x003, "interface"),          # left justified
        ("default",     "IFACE1",   0x040, "interface"),          # the host provides the clock
        ("default",     "LOUT2",    0x103, "SPK_L is at 1 dB"),   # louder
        ("default",     "LOUT2",    0x179, "SPK_L is at off"),    # muted
        ("default",     "POWER2",   0x010, "SPK_L is at off"),    # no power
        ("default",     "CLASSD1",  0x080, "SPK_R is on"),        # on, though nothing hangs on it
        ("default",     "POWER2",   0x060, "HP_L is on"),         # on, though nobody listens
        ("default",     "ALC3",     0x100, "alc_mode"),           # limiter
        ("default",     "ALC2",     0x020, "ALC goes down"),
        ("default",     "ALC1",     0x004, "ALC target"),
        ("default",     "ALC1",     0x010, "ALC reaches"),
        ("default",     "ALC3",     0x010, "ALC decay"),
        ("default",     "ALC2",     0x00F, "ALC hold"),
        ("default",     "ADDCTL4",  0x001, "mic_bias_v is 2.145"),  # 0.65 AVDD
        ("default",     "POWER1",   0x002, "mic_bias_v is 0"),
        ("default",     "LINVOL",   0x180, "muted"),              # left input amplifier
        ("voiceChat",   "RINVOL",   0x180, "muted"),
        ("voiceChat",   "LINVOL",   0x108, "left input gain"),    # 6 dB more
        ("voiceChat",   "ALC1",     0x180, "alc is stereo"),
        ("voiceChat",   "DACCTL1",  0x008, "dac_gain_db is off"),
        ("voiceChat",   "BYPASS1",  0x080, "sidetone"),
        ("measurement", "DACCTL1",  0x001, "high_pass"),
        ("measurement", "LADC",     0x103, "left adc_gain_db"),
        ("measurement", "RINPATH",  0x010, "right input gain"),
    ],
)  # fmt: skip
def test_a_wrong_register_is_seen(bench, mode, register, flipped, says):
    with bench.active(mode):
        spoil(bench, register, flipped)
        assert any(says in phrase for phrase in bench.mismatches()), bench.mismatches()


@pytest.mark.parametrize(
    ("mode", "wrong"),
    [
        (Mode.VOICE_CHAT,      {"sensitivity_dbfs": -24.35}),
        (Mode.VOICE_CHAT,      {"rate_hz": 48_000, "period_frames": 384}),
        (Mode.MEASUREMENT,     {"high_pass": True}),
        (Mode.MEASUREMENT,     {"alc": True}),
        (Mode.DEFAULT,         {"alc_max_gain_db": 6.0}),
        (Mode.DEFAULT,         {"alc_attack_ms": 6.0}),
        (Mode.VIDEO_RECORDING, {"alc_decay_ms": 768.0}),
    ],
)  # fmt: skip
def test_a_wrong_number_in_the_products_own_table_is_seen(bench, monkeypatch, mode, wrong):
    monkeypatch.setitem(PROFILES, mode, replace(PROFILES[mode], **wrong))
    with bench.active(mode):
        assert bench.mismatches() != []


def test_another_mode_than_the_one_asked_for_is_seen(bench):
    with bench.active("voiceChat"):
        assert "the mode in force is voiceChat, not gameChat" in bench.mismatches("gameChat")


def test_what_a_session_prefers_is_wanted_where_it_was_granted(bench):
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.MEASUREMENT)
    bench.session.preferred_rate_hz = 16_000.0
    bench.session.activate()
    assert bench.profile.rate_hz == 16_000
    assert bench.mismatches() == []
    bench.session.deactivate()
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    bench.session.activate()
    bench.session.input_gain = 0.25
    assert bench.mismatches() == []


def test_headphones_are_heard_and_the_loudspeaker_is_not_while_they_are_plugged(bench):
    bench.device.conductor.plugged("headphones", True)
    with bench.active("default"):
        assert bench.chip.state()["outputs"]["HP_L"] is not None
        assert bench.mismatches() == []


@pytest.mark.parametrize("elsewhere", [{"gpio": 22}, {"active": "high"}], ids=["another line", "the other level"])
def test_a_button_that_is_wired_elsewhere_starts_nothing(board: Board, elsewhere):
    bench = VirtualBench(replace(board, buttons=(replace(board.buttons[0], **elsewhere),)))
    with pytest.raises(FirmwareError, match="button"), bench.active("default"):
        pass


def test_a_chain_with_another_number_of_leds_stays_dark(board: Board):
    bench = VirtualBench(replace(board, leds=replace(board.leds, count=12)))
    with bench.active("default"):
        assert bench.pins.history == []
