"""The stage of a board under a session and its button: codec, card and LEDs, and what is left after a failure."""

import errno

import numpy as np
import pytest

from firmware_py import Category, Mode, Session, SessionState
from firmware_py.audio import AudioSessionError
from firmware_py.errors import FirmwareError, PcmError
from firmware_py.leds import PanelState, frame
from hil.analysis import latency_frames
from hil.bench import VirtualBench


@pytest.fixture
def session(bench: VirtualBench) -> Session:
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    return bench.session


def test_a_new_session_is_inactive_in_solo_ambient_and_default(bench):
    assert (bench.session.state, bench.session.category, bench.session.mode) == (
        SessionState.INACTIVE, Category.SOLO_AMBIENT_SOUND, Mode.DEFAULT,
    )  # fmt: skip


def test_a_misused_mode_stays_readable_and_default_acts(bench):
    bench.session.set_category(Category.MEDIA_PLAYBACK, mode=Mode.VOICE_CHAT)
    assert bench.session.mode is Mode.VOICE_CHAT
    assert bench.session.effective_mode is Mode.DEFAULT
    bench.session.activate()
    assert bench.chip.state()["playback_rate_hz"] == pytest.approx(48_000, rel=1e-6)


def test_the_microphone_is_powered_only_while_a_recording_session_is_active(bench, session):
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0
    session.activate()
    assert bench.chip.mic_bias_v["MICBIAS"] == pytest.approx(0.9 * 3.3)
    session.deactivate()
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0
    session.set_category(Category.MEDIA_PLAYBACK)
    session.activate()
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0


def test_every_mode_is_reached_from_every_other(bench):
    for first in Mode:
        for then in Mode:
            for mode in (first, then):
                bench.session.set_category(Category.PLAY_AND_RECORD, mode=mode)
                bench.session.activate()
                assert bench.mismatches() == [], f"{first} -> {then}, in {mode}"
                bench.session.deactivate()


def test_a_second_activation_is_quick_because_supplies_and_pll_stay_up(bench, session):
    session.activate()
    session.deactivate()
    before_s = bench.world.time_s
    session.activate()
    assert bench.world.time_s - before_s < 0.01


def test_a_device_that_is_closed_leaves_the_codec_without_power(bench, session):
    session.activate()
    bench.device.close()
    assert bench.chip.state()["analogue_up"] is False


class DeadBus:
    """No chip answers."""

    def write(self, address: int, data: bytes) -> None:
        raise OSError(errno.EREMOTEIO, "no acknowledge")

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        raise OSError(errno.EREMOTEIO, "no acknowledge")


def test_a_codec_that_does_not_answer_leaves_the_session_inactive_and_says_why(bench, session, monkeypatch):
    monkeypatch.setattr(bench.stage.codec, "bus", DeadBus())
    with pytest.raises(AudioSessionError, match="no acknowledge; the codec was not reached"):
        session.activate()
    assert session.state is SessionState.INACTIVE
    assert bench.device.conductor.fault is not None


def test_a_card_that_refuses_leaves_the_codec_muted_and_without_bias(bench, session, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PcmError(errno.EBUSY, "the card is in use")

    monkeypatch.setattr(bench.pcm, "open", refuse)
    with pytest.raises(AudioSessionError, match="in use"):
        session.activate()
    assert session.state is SessionState.INACTIVE
    assert bench.chip.state()["dac_gain_db"] == [None, None]
    assert bench.chip.mic_bias_v["MICBIAS"] == 0.0


def test_a_session_recovers_from_a_fault_at_the_next_activation(bench, session):
    codec = bench.stage.codec
    bus, codec.bus = codec.bus, DeadBus()
    with pytest.raises(AudioSessionError):
        session.activate()
    codec.bus = bus
    session.activate()
    assert bench.mismatches() == []


def test_no_engine_without_activation(bench):
    with pytest.raises(FirmwareError, match="activate a session first"):
        _ = bench.stage.engine


def test_sound_from_the_application_comes_out_of_the_loudspeaker_and_back_in(bench):
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.MEASUREMENT)
    bench.session.activate()
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000).astype(np.float32)
    take = bench.converse(tone)
    assert np.std(take.speaker_v[24_000:]) > 0.05
    assert np.std(take.up[24_000:]) > 10 * np.std(bench.converse(0.5).up[12_000:])


def test_an_underrun_is_counted_repaired_and_does_not_end_the_session(bench, session):
    session.activate()
    before = bench.stage.engine.statistics
    bench.pcm.starve(2)
    bench.converse(0.2)
    after = bench.stage.engine.statistics
    assert after.playback_xruns - before.playback_xruns >= 1
    assert after.periods - before.periods == 25


def test_an_overrun_is_counted_as_the_other_kind(bench, session):
    session.activate()
    bench.pcm.overrun()
    bench.converse(0.1)
    assert bench.stage.engine.statistics.capture_xruns == 1
    assert bench.stage.engine.statistics.playback_xruns == 0


@pytest.mark.parametrize("xrun", ["underrun", "overrun"])
@pytest.mark.parametrize("mode", [Mode.VOICE_CHAT, Mode.GAME_CHAT])
def test_after_an_xrun_echo_is_cancelled_within_half_a_second_and_playback_is_no_later(bench, mode, xrun):
    bench.session.set_category(Category.PLAY_AND_RECORD, mode=mode)
    bench.session.activate()
    rate = bench.profile.rate_hz
    far = (0.05 * np.random.default_rng(1).standard_normal(rate * 5)).astype(np.float32)
    before = latency_frames(far, bench.converse(far).speaker_v, rate).delay_frames
    bench.pcm.starve(1) if xrun == "underrun" else bench.pcm.overrun()
    bench.converse(far[: rate // 2])
    take = bench.converse(far)
    heard = np.std(take.mic_pa[:rate]) * 10 ** (bench.profile.sensitivity_dbfs / 20)
    assert 20 * np.log10(heard / np.std(take.up[:rate])) > 30
    assert latency_frames(far, take.speaker_v, rate).delay_frames == pytest.approx(before, abs=1)


def test_ctrl_c_ends_the_loop_and_reaches_the_caller(bench, session, monkeypatch):
    session.activate()

    def interrupted(frames: np.ndarray) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.pcm, "read_into", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.stage.engine.run(10)


@pytest.mark.parametrize("press", range(20))
def test_a_bouncing_press_toggles_the_session_once(bench, session, press):
    before = session.state
    bench.pins.press()
    bench.pins.bounce(2 + press % 7, 0.012)
    bench.device.panel.step()
    bench.world.wait(0.1)
    assert {before, session.state} == {SessionState.ACTIVE, SessionState.INACTIVE}


def test_the_leds_show_activating_and_then_active(bench, session):
    bench.press_button()
    shown = [colours for _, colours in bench.pins.history]
    assert shown[-1] == frame(PanelState.ACTIVE, 0.1, 3)
    assert any(colours in [frame(PanelState.ACTIVATING, t / 100, 3) for t in range(100)] for colours in shown[:-1])


def test_a_failed_press_shows_a_fault(bench, session, monkeypatch):
    monkeypatch.setattr(bench.stage.codec, "bus", DeadBus())
    bench.press_button()
    assert session.state is SessionState.INACTIVE
    assert bench.device.panel_state() is PanelState.FAULT
