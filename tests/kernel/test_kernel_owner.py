"""A stock overlay is loaded: the kernel's own driver has the codec. A mode goes through its mixer controls, and no byte of ours to
the bus; who else has the codec is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from devices import I2C_BUS, Header, Wire, modprobe
from test_codec_drivers import DRIVERS, Driver, bound, card
from test_product import BOARD, CAPTURE, CODEC, PLAY

from firmware_py import Category, Mode
from firmware_py.audio import AudioSessionError
from firmware_py.bus import owner
from firmware_py.descriptions import load_codec
from firmware_py.device import Device
from firmware_py.errors import BusError, ModeChangeFailed, PcmError
from firmware_py.hardware import open_device
from firmware_py.mixer import AlsaMixer, KernelCodec, driver_card
from firmware_py.modes import PROFILES
from firmware_py.serve import protocol
from firmware_py.serve.answers import Answers

CODECS = {"da7213": "da7212"}  # the driver's chip, and the one that boards have
WM8960 = DRIVERS[0]


def asked(codec, mode: Mode) -> dict:
    """What a mode asks of this codec behind its first crystal."""
    profile = PROFILES[mode]
    rate_hz = max(rate for rate in codec.rates_at(codec.clocks[0].mclk_hz) if rate <= 48_000)
    settings = {
        **codec.defaults, "microphone": "on", "headphone": "on", "rate_hz": rate_hz, "mic_bias": True, "playback": True,
        "input_gain_db": 20.0, "noise_gate": False, "high_pass": profile.high_pass, "alc": profile.alc,
    }  # fmt: skip
    if profile.alc:
        figures = ("alc_max_gain_db", "alc_target_dbfs", "alc_attack_ms", "alc_decay_ms", "alc_hold_ms")
        settings |= {name: getattr(profile, name) for name in figures}
    return {name: value for name, value in settings.items() if name not in codec.absent}


def behind(driver: Driver) -> KernelCodec:
    codec = load_codec(CODECS.get(driver.kind, driver.kind))
    mixer = AlsaMixer(driver_card(driver.dai).id)
    return KernelCodec(codec, mixer, codec.clocks[0].mclk_hz, lambda: owner(I2C_BUS, driver.address))


def words(wire: Wire) -> dict[int, int]:
    """Register -> the last word that came over the wire, seven bits of address and nine of data."""
    sent = [bytes.fromhex(line.removeprefix("1a W ")) for line in wire.log() if line.startswith("1a W ")]
    return {data[0] >> 1: (data[0] & 1) << 8 | data[1] for data in sent}


LOST = {
    ("wm8960", Mode.DEFAULT): {"mic_bias"},
    ("wm8960", Mode.MEASUREMENT): {"mic_bias"},
    ("wm8731", Mode.DEFAULT): {"mic_bias"},
    ("wm8731", Mode.MEASUREMENT): {"mic_bias"},
    ("sgtl5000", Mode.DEFAULT): {"mic_bias", "alc"},
    ("sgtl5000", Mode.MEASUREMENT): {"mic_bias", "high_pass"},
    ("tlv320aic3104", Mode.DEFAULT): {"mic_bias", "high_pass", "alc_max_gain_db"},
    ("tlv320aic3104", Mode.MEASUREMENT): {"mic_bias", "high_pass"},
    ("da7213", Mode.DEFAULT): {"mic_bias"},
    ("da7213", Mode.MEASUREMENT): {"mic_bias"},
    ("es8388", Mode.DEFAULT): {"mic_bias", "alc"},
    ("es8388", Mode.MEASUREMENT): {"mic_bias", "high_pass"},
}


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.kind)
def test_the_driver_takes_each_mode_and_shows_it(plug, driver, record_property):
    with bound(plug, driver) as wire, card(driver):
        codec = behind(driver)
        for mode in (Mode.DEFAULT, Mode.MEASUREMENT, Mode.VOICE_CHAT, Mode.DEFAULT):
            wire.log()  # it has an end
            settings = asked(codec.description, mode)
            plan = codec.plan(settings)
            codec.apply(plan)
            assert codec.plan(settings).moves == ()
            if (driver.kind, mode) in LOST:
                told = {sentence.partition(":")[0] for sentence in plan.missing if ": the " in sentence}
                assert told == LOST[driver.kind, mode]
            record_property(mode, f"{len(plan.moves)} moves, {len(plan.missing)} missing")
        assert codec.owner == "kernel"


def test_on_a_wm8960_the_bits_are_those_that_the_mode_means(plug):
    with bound(plug, WM8960) as wire, card(WM8960):
        codec = behind(WM8960)
        codec.apply(codec.plan(asked(codec.description, Mode.MEASUREMENT)))
        wire.log()
        codec.apply(codec.plan(asked(codec.description, Mode.DEFAULT)))
        default = words(wire)
        codec.apply(codec.plan(asked(codec.description, Mode.MEASUREMENT)))
        measurement = words(wire)
    # Default: the filter works (R5 bit 0 is 0); ALC on both sides, target -12 dBFS (R17: code 7); its times (R19)
    assert default[0x05] & 1 == 0
    assert (default[0x11] >> 7, default[0x11] & 0xF) == (3, 7)
    assert (default[0x13] >> 4 & 0xF, default[0x13] & 0xF) == (5, 4)
    # Measurement: no filter, no ALC, and the gain again, which the ALC had moved: 20 dB is boost 20 and PGA 0 (code 23)
    assert measurement[0x05] & 1 == 1
    assert measurement[0x11] >> 7 == 0
    assert (measurement[0x00] & 0x3F, measurement[0x01] & 0x13F) == (23, 23 | 0x100)


def test_items_that_a_driver_cannot_set_are_told_and_all_goes_back(plug):
    with bound(plug, WM8960) as wire, card(WM8960):
        codec = behind(WM8960)
        settings = asked(codec.description, Mode.DEFAULT)
        codec.apply(codec.plan(settings))
        plan = codec.plan({**settings, "alc": False})
        wire.fail_next(1, 121)
        with pytest.raises(ModeChangeFailed, match=r"step 1 of 3 \('ALC Function'\): .*stand where they stood before"):
            codec.apply(plan)
        assert codec.plan(settings).moves == ()
        wire.log()
        codec.apply(codec.plan({**settings, "alc": False}))
        assert words(wire)[0x11] >> 7 == 0


# The product.


@pytest.fixture
def board(tmp_path, monkeypatch, header: Header) -> Iterator[None]:
    (tmp_path / "bench-hat.toml").write_text(BOARD)
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(tmp_path))
    header.put(17, high=True)


def opened() -> Device:
    device = open_device("bench-hat", playback=PLAY, capture=CAPTURE)
    device.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    return device


def test_a_session_goes_through_the_drivers_controls_and_says_what_it_lacks(plug, board):
    with bound(plug, WM8960) as wire, card(WM8960):
        device = opened()
        try:
            wire.log()
            device.session.activate()
            sent = words(wire)
            status = Answers(device, "bench-hat", lambda event: None).answer(protocol.Status(id=0), set())
            assert status["owner"] == "kernel"
            assert any(sentence.startswith("mic_bias: the driver") for sentence in status["missing"])
            assert "'ADC High Pass Filter Switch'" not in status["plan"]  # it stood already
            device.session.deactivate()
        finally:
            device.close()
        assert 0x0F not in sent  # no reset: not a byte is ours
        assert sent[0x00] & 0x80 == 0  # the PGA is no longer mute


def test_a_driver_of_another_codec_is_refused_by_name(plug, board):
    wire = plug(write_only=[CODEC])
    modprobe("snd-soc-wm8731-i2c")
    wire.declare("wm8731", CODEC)
    wire.log()
    with pytest.raises(
        BusError, match=r"owned by the kernel driver 'wm8731', but bench-hat has a WM8960 there"
    ) as caught:
        opened()
    assert "load the overlay respeaker-2mic-v1" in str(caught.value)
    assert wire.log() == []


def test_a_driver_without_a_card_is_waited_for_by_whoever_starts_us(plug, board):
    with bound(plug, WM8960) as wire:
        wire.log()
        with pytest.raises(PcmError, match="no sound card has a stream 'wm8960-hifi' yet"):
            opened()
        assert wire.log() == []


def test_a_driver_that_comes_after_our_start_is_noticed_and_nothing_is_written(plug, board):
    wire = plug(write_only=[CODEC])
    device = opened()
    try:
        assert device.stage.codec.owner == "registers"
        modprobe("snd-soc-wm8960")
        wire.declare("wm8960", CODEC)
        wire.log()
        with pytest.raises(AudioSessionError, match="owned by the kernel driver 'wm8960'"):
            device.session.activate()
        assert wire.log() == []
    finally:
        device.close()


def test_a_driver_that_goes_is_noticed_before_the_next_mode(plug, board):
    with bound(plug, WM8960) as wire:
        with card(WM8960):
            device = opened()
            device.session.activate()
        try:
            device.session.deactivate()
            wire.withdraw(CODEC)
            wire.log()
            with pytest.raises(
                AudioSessionError, match="'wm8960' no longer has the codec, and nobody has it; start audiohat"
            ):
                device.session.activate()
            assert wire.log() == []
        finally:
            device.close()
