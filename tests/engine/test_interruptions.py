"""What interrupts a stream, in any order, on a card whose misfortunes are scripted: what is lost, what is counted, what goes on."""

import errno
import threading

import numpy as np
import pytest
from scripted import Echo, Event, ScriptedPcm

from firmware_py import Mode
from firmware_py.engine import Engine, realtime
from firmware_py.errors import PcmError
from firmware_py.modes import PROFILES

PERIOD = PROFILES[Mode.DEFAULT].period_frames
ECHO_FRAMES = 40
XRUN, SUSPEND, GONE = -errno.EPIPE, -errno.ESTRPIPE, -errno.ENODEV


class Conversation:
    """An application that is clocked by what it captures: it plays as many frames as it has read."""

    def __init__(self, pcm: ScriptedPcm, mode: Mode = Mode.DEFAULT, seed: int = 0) -> None:
        self.engine = Engine(pcm, PROFILES[mode])
        self.engine.mixer.set_gains({"app": 1.0})
        self.engine.open()
        self.line = self.engine.line("app")
        self.noise = np.random.default_rng(seed)
        self.down = self.up = np.zeros((0, self.engine.profile.channels), np.float32)
        self.play(self.engine.profile.period_frames)

    def play(self, frames: int) -> None:
        block = (0.1 * self.noise.standard_normal((frames, self.engine.profile.channels))).astype(np.float32)
        self.line.write(block)
        self.down = np.concatenate([self.down, block])

    def go_on(self, periods: int) -> None:
        for _ in range(periods):
            self.engine.run(1)
            captured = self.line.read(1 << 20)
            self.up = np.concatenate([self.up, captured])
            self.play(len(captured))

    def matches(self, frames: slice) -> bool:
        """Whether what was captured there is what was played, as late as it has been from the start."""
        late = self.engine.preroll_frames + ECHO_FRAMES
        return np.allclose(self.up[frames], self.down[frames.start - late : frames.stop - late], atol=1e-6)


def conversation(*events: Event, mode: Mode = Mode.DEFAULT) -> Conversation:
    return Conversation(ScriptedPcm(events, echo=Echo(ECHO_FRAMES)), mode)


def test_what_is_played_is_captured_after_the_preroll_and_the_echo():
    talk = conversation()
    talk.go_on(20)
    assert talk.matches(slice(3 * PERIOD, 20 * PERIOD))
    assert talk.engine.statistics.capture_xruns == talk.engine.statistics.playback_xruns == 0


@pytest.mark.parametrize(
    ("event", "capture_xruns", "playback_xruns", "suspends"),
    [
        (Event("read", 6, (XRUN,), late_frames=500),    1, 0, 0),   # noticed by the read
        (Event("read", 6, (XRUN,), late_frames=20_000), 1, 0, 0),   # a long one
        (Event("write", 6, (XRUN,), late_frames=700),   0, 1, 0),   # playback ran dry
        (Event("write", 6, late_frames=3_000),          0, 1, 0),   # the loop was held up
        (Event("read", 6, (SUSPEND,), late_frames=900), 0, 0, 1),   # the lid was closed
    ],
)  # fmt: skip
def test_an_interruption_is_counted_and_neither_direction_moves_against_the_other(
    event, capture_xruns, playback_xruns, suspends
):
    talk = conversation(event)
    talk.go_on(30)
    counted = talk.engine.statistics
    assert (counted.capture_xruns, counted.playback_xruns, counted.suspends) == (
        capture_xruns,
        playback_xruns,
        suspends,
    )
    assert counted.lost_frames >= event.late_frames
    assert talk.matches(slice(len(talk.up) - 10 * PERIOD, len(talk.up)))


def test_the_time_of_an_overrun_is_silence_of_the_same_length():
    talk = conversation(Event("read", 6, (XRUN,), late_frames=500))
    talk.go_on(8)
    assert np.any(talk.up[5 * PERIOD : 6 * PERIOD])
    lost = talk.engine.statistics.lost_frames
    assert not np.any(talk.up[6 * PERIOD : 6 * PERIOD + lost])
    assert len(talk.up) == talk.engine.statistics.periods * PERIOD + lost


def test_frames_that_come_in_pieces_are_the_same_frames():
    talk = conversation(
        Event("read", 4, (1, -errno.EINTR, -errno.EAGAIN, 17)), Event("write", 5, (3, -errno.EAGAIN, -errno.EINTR, 5))
    )
    talk.go_on(20)
    assert talk.matches(slice(3 * PERIOD, 20 * PERIOD))


def test_interruptions_of_every_kind_one_after_the_other_are_survived():
    talk = conversation(
        Event("read", 5, (XRUN,), late_frames=100), Event("read", 6, (SUSPEND,)), Event("write", 9, (XRUN,)),
        Event("read", 11, (XRUN,)), Event("read", 12, (XRUN,)), Event("write", 14, late_frames=4_000),
    )  # fmt: skip
    talk.go_on(40)
    assert talk.matches(slice(len(talk.up) - 10 * PERIOD, len(talk.up)))


@pytest.mark.parametrize("call", ["read", "write", "recover"])
def test_a_card_that_has_gone_ends_the_loop_with_a_sentence(call):
    talk = conversation(Event("read", 6, (XRUN,)), Event(call, 0 if call == "recover" else 7, (GONE,)))
    with pytest.raises(PcmError, match="the sound card stopped: the card has gone"):
        talk.go_on(10)


def test_a_canceller_learns_nothing_from_an_interruption_and_cancels_at_once_after_it():
    talk = conversation(Event("read", 500, (XRUN,), late_frames=700), mode=Mode.VOICE_CHAT)
    talk.go_on(499)
    learnt_db = echo_loss_db(talk, 100)
    talk.go_on(60)
    assert talk.engine.statistics.capture_xruns == 1
    talk.go_on(60)
    assert echo_loss_db(talk, 50) > learnt_db - 3.0


def echo_loss_db(talk: Conversation, periods: int) -> float:
    """Of the last periods: what was played against what is left of it."""
    frames = periods * talk.engine.profile.period_frames
    return float(10.0 * np.log10(np.mean(talk.down[-frames:] ** 2) / (np.mean(talk.up[-frames:] ** 2) + 1e-20)))


@pytest.mark.parametrize("offset_frames", [0, 37, 128, 1000, 4000])  # 4000 frames are a quarter of a second
def test_the_reference_is_aligned_however_far_apart_the_directions_started(offset_frames):
    pcm = ScriptedPcm(echo=Echo(ECHO_FRAMES, (0.5, 0.2, -0.1)), start_offset_frames=offset_frames)
    talk = Conversation(pcm, Mode.VOICE_CHAT)
    talk.go_on(400)
    assert echo_loss_db(talk, 60) > 40.0


def test_a_card_that_cannot_keep_up_is_opened_anew_with_twice_the_period(monkeypatch, caplog):
    monkeypatch.setattr(realtime, "_said", set())
    pcm = ScriptedPcm([Event("read", 20 + 3 * n, (XRUN,)) for n in range(5)], echo=Echo(ECHO_FRAMES))
    engine = Engine(pcm, PROFILES[Mode.VOICE_CHAT])
    engine.open()
    engine.start()
    for _ in range(1000):
        if engine.blocks == 2 and engine.statistics.periods > 200:
            break
        threading.Event().wait(0.01)
    engine.stop()
    engine.close()
    assert engine.statistics.capture_xruns == 5
    assert engine.statistics.period_frames == 2 * PROFILES[Mode.VOICE_CHAT].period_frames
    assert "going on with periods of 16 ms" in caplog.text


class HeldUp(ScriptedPcm):
    """Its second opening takes until it is let go."""

    def __init__(self, *events: Event) -> None:
        super().__init__(events)
        self.opening, self.go_on = threading.Event(), threading.Event()

    def open(self, *format: int, **preroll: int) -> None:
        if self.calls["open"] == 1:
            self.opening.set()
            assert self.go_on.wait(20.0)
        super().open(*format, **preroll)


def test_a_stop_that_comes_while_the_period_is_doubled_is_a_stop():
    pcm = HeldUp(*(Event("read", 20 + 3 * n, (XRUN,)) for n in range(5)))
    engine = Engine(pcm, PROFILES[Mode.VOICE_CHAT])
    engine.open()
    engine.start()
    assert pcm.opening.wait(20.0)
    stopping = threading.Thread(target=engine.stop)
    stopping.start()
    while not engine._control[0]:
        threading.Event().wait(0.001)
    pcm.go_on.set()
    stopping.join(20.0)
    assert not stopping.is_alive()
    assert not engine.running
    engine.close()


def test_a_card_that_refuses_longer_periods_goes_on_with_the_old_ones():
    pcm = ScriptedPcm([*(Event("read", 20 + 3 * n, (XRUN,)) for n in range(5)), Event("open", 1, (-errno.EINVAL,))])
    engine = Engine(pcm, PROFILES[Mode.VOICE_CHAT])
    engine.open()
    engine.start()
    for _ in range(1000):
        if pcm.calls["open"] == 3 and engine.statistics.periods > 200:
            break
        threading.Event().wait(0.01)
    engine.stop()
    engine.close()
    assert engine.failure is None
    assert engine.blocks == 1


def test_what_is_queued_grows_with_the_period():
    engine = Engine(ScriptedPcm(), PROFILES[Mode.VOICE_CHAT])
    before = engine.preroll_frames - engine.period_frames
    engine.open()
    engine._take_longer_periods()
    assert engine.preroll_frames - engine.period_frames == 2 * before


def test_a_canceller_goes_on_with_what_it_has_learnt_when_the_period_doubles():
    talk = Conversation(ScriptedPcm(echo=Echo(ECHO_FRAMES, (0.5, 0.2))), Mode.VOICE_CHAT)
    talk.go_on(400)
    learnt_db = echo_loss_db(talk, 60)
    talk.engine._take_longer_periods()
    talk.go_on(60)
    assert echo_loss_db(talk, 30) > learnt_db - 3.0


def test_a_chain_is_swapped_between_two_periods_and_the_stream_goes_on():
    talk = conversation()
    talk.go_on(10)
    talk.engine.swap(type(talk.engine.chain)(PROFILES[Mode.DEFAULT]))
    talk.go_on(10)
    assert talk.matches(slice(3 * PERIOD, 20 * PERIOD))


def test_a_chain_of_another_rate_is_refused():
    talk = conversation()
    with pytest.raises(ValueError, match="open an engine for it"):
        talk.engine.swap(type(talk.engine.chain)(PROFILES[Mode.VOICE_CHAT]))
