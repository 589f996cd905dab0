"""The register halves of the cases: what a refusal leaves in the chip, and what misuse puts there."""

import pytest

from firmware_py import Category, Mode
from firmware_py.audio import AudioSessionError
from firmware_py.leds import PanelState
from hil.bench import VirtualBench


def test_t11_a_refused_mode_leaves_every_register_as_it_was(bench: VirtualBench):
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VIDEO_RECORDING)
    bench.session.activate()
    before = bench.words
    with pytest.raises(AudioSessionError, match="deactivate it first"):
        bench.session.set_mode(Mode.VOICE_CHAT)
    assert bench.words == before
    assert bench.mismatches() == []


def test_t14_a_misused_mode_puts_default_into_the_registers(bench: VirtualBench):
    bench.session.set_category(Category.MEDIA_PLAYBACK, mode=Mode.DEFAULT)
    bench.session.activate()
    default = bench.words
    bench.session.deactivate()
    bench.session.set_mode(Mode.VOICE_CHAT)
    bench.session.activate()
    assert bench.words == default


def test_t17_a_session_that_is_refused_writes_no_register(bench: VirtualBench):
    call = bench.device.conductor.session("call", priority=10)
    call.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    call.activate()
    before = bench.words
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.MEASUREMENT)
    with pytest.raises(AudioSessionError, match="higher priority"):
        bench.session.activate()
    assert bench.words == before


def test_t42_registers_are_written_again_only_after_initialising_anew(bench: VirtualBench):
    session = bench.device.conductor.session("app")
    session.activate()
    bench.stage.stop()
    bench.device.conductor.server_died()
    before = bench.words
    with pytest.raises(AudioSessionError):
        session.activate()
    assert bench.words == before
    session.reinitialize()
    session.activate()
    assert bench.stage.sounding
    assert bench.words != before


def test_t43_a_press_during_an_interruption_leaves_the_leds_inactive_until_it_succeeds(bench: VirtualBench):
    call = bench.device.conductor.session("call", priority=10)
    call.set_category(Category.PLAY_AND_RECORD)
    bench.press_button()
    assert bench.device.panel_state() is PanelState.ACTIVE
    call.activate()
    bench.press_button()
    assert bench.device.panel_state() is PanelState.INACTIVE
    call.deactivate()
    bench.press_button()
    assert bench.device.panel_state() is PanelState.ACTIVE
