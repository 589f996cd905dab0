"""Which sound cards there are, and why one cannot be had: told by the kernel's own lists."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from firmware_py.errors import PcmError
from firmware_py.pcm.cards import Card, capabilities, cards, find, first_device, refusal

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [audiohat       ]: simple-card - audiohat
                      audiohat
10 [Mic            ]: USB-Audio - USB Mic - v2
                      Some maker USB Mic at usb-1.2, full speed
"""
PCMS = """\
00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8
01-00: fe203000.i2s-dummy dummy-0 : fe203000.i2s-dummy dummy-0 : playback 1
01-01: fe203000.i2s-dummy dummy-1 : fe203000.i2s-dummy dummy-1 : capture 1
10-00: USB Audio : USB Audio : capture 1
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "cards").write_text(CARDS)
    (tmp_path / "pcm").write_text(PCMS)
    for index in (0, 1):
        (tmp_path / f"controlC{index}").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("card", "direction", "device"),
    [
        ("audiohat", "playback", "hw:CARD=audiohat,DEV=0"),
        ("audiohat", "capture",  "hw:CARD=audiohat,DEV=1"),
        ("Mic",      "capture",  "hw:CARD=Mic,DEV=0"),
        ("Mic",      "playback", "hw:CARD=Mic,DEV=0"),  # it has none: the first is asked, and says so
    ],
)  # fmt: skip
def test_a_direction_is_asked_of_the_device_that_has_it(proc, card, direction, device):
    assert first_device(find(card, proc), direction, proc) == device


def test_cards_are_listed_with_what_they_can_do(proc):
    assert cards(proc) == [
        Card("Headphones", "bcm2835 Headphones", 0, has_playback=True, has_capture=False),
        Card("audiohat", "audiohat", 1, has_playback=True, has_capture=True),
        Card("Mic", "USB Mic - v2", 10, has_playback=False, has_capture=True),
    ]


@pytest.mark.parametrize("listed", [None, "--- no soundcards ---\n"])
def test_a_machine_without_sound_has_no_cards(tmp_path, listed):
    if listed:
        (tmp_path / "cards").write_text(listed)
    assert cards(tmp_path) == []
    with pytest.raises(PcmError, match="there are none; is the HAT seated"):
        find("audiohat", tmp_path)


def test_a_card_is_found_by_its_id_and_a_wrong_one_is_answered_with_the_right_ones(proc):
    assert find("Mic", proc).index == 10
    with pytest.raises(PcmError, match="no sound card is named 'audiohut'; did you mean 'audiohat'") as refused:
        find("audiohut", proc)
    assert refused.value.errno == errno.ENODEV


@pytest.mark.parametrize(
    ("device", "direction", "number", "said"),
    [
        ("hw:CARD=audiohut,DEV=0", "playback", errno.ENODEV, "did you mean 'audiohat'?"),
        ("hw:5,0",                 "playback", errno.ENOENT, "known: Headphones, audiohat, Mic"),
        ("nonsense",               "capture",  errno.ENOENT, "no sound card is named 'nonsense'"),
        ("audiohat",               "capture",  errno.ENOENT, "this is a card, not a device; say hw:CARD=audiohat,DEV=0"),
        ("hw:Headphones,0",        "capture",  errno.ENOENT, "card Headphones has no capture"),
        ("plughw:0,0",             "capture",  errno.ENOENT, "card Headphones has no capture"),
        ("hw:CARD=audiohat,DEV=7", "playback", errno.ENOENT, "card audiohat has no such device"),
        ("hw:CARD=Mic,DEV=0",      "capture",  errno.ENOENT, "controlC10 is not; a container"),
        ("hw:CARD=audiohat,DEV=0", "playback", errno.EBUSY,  "another program holds it"),
        ("hw:CARD=audiohat,DEV=0", "playback", errno.EACCES, "add this user to group audio"),
        ("hw:CARD=audiohat,DEV=0", "playback", errno.ENOMEM, "Cannot allocate memory"),
    ],
)  # fmt: skip
def test_why_a_device_cannot_be_had_is_one_sentence_with_a_next_step(proc, device, direction, number, said):
    refused = refusal(device, direction, number, proc, nodes=proc)
    assert str(refused).startswith(f"{device} ({direction}): ")
    assert said in str(refused)
    assert refused.errno == number


def test_a_card_that_libasound_hides_from_this_user_is_a_matter_of_permission(proc, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused = refusal("hw:CARD=audiohat,DEV=0", "playback", errno.ENOENT, proc, nodes=proc)
    assert refused.errno == errno.EACCES
    assert "group audio" in str(refused)


def test_a_plug_in_has_rates_and_formats_and_no_bounds():
    found = capabilities("null")
    assert {16_000, 48_000} <= set(found.rates_hz)
    assert {"S16_LE", "S32_LE"} <= set(found.formats)
    assert found.channels == found.period_frames == ()


def test_a_device_that_is_not_there_has_no_capabilities_but_a_sentence():
    with pytest.raises(PcmError, match=r"hw:CARD=NoSuchHat \(capture\): no sound card is named 'NoSuchHat'"):
        capabilities("hw:CARD=NoSuchHat", "capture")
