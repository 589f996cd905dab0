"""The period loop and both back ends on snd-aloop: a real kernel's PCMs, its xruns, its errors. What is played on one side of the
loop-back card is captured on the other; time is virtual, so nothing here is about speed.
"""

import errno
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from engine.heap import HERE, count_heap_calls

from firmware_py import Mode
from firmware_py.engine import Engine
from firmware_py.errors import PcmError
from firmware_py.modes import PROFILES
from firmware_py.pcm import PLAYBACK_XRUN, TWO_CLOCKS, Pcm
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.cards import cards
from firmware_py.pcm.portable import PyAlsaPcm

PLAY, CAPTURE = "hw:Loopback,0,0", "hw:Loopback,1,0"
BACK_ENDS: dict[str, Callable[[str, str], Pcm]] = {"libasound": AlsaPcm, "pyalsaaudio": PyAlsaPcm}


@pytest.fixture(params=list(BACK_ENDS))
def pcm(request: pytest.FixtureRequest) -> Iterator[Pcm]:
    card = BACK_ENDS[request.param](PLAY, CAPTURE)
    yield card
    card.close()


@pytest.fixture
def card() -> Iterator[AlsaPcm]:
    card = AlsaPcm(PLAY, CAPTURE)
    yield card
    card.close()


def loop_round(pcm: Pcm, rate_hz: int, period: int, channels: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Full-range noise out, and what comes in."""
    pcm.open(rate_hz, period, channels, preroll_frames=2 * period)
    periods = int(seconds * rate_hz / period)
    down = np.random.default_rng(period).integers(-(2**31), 2**31 - 1, (periods * period, channels), np.int32)
    up = np.zeros_like(down)
    for start in range(0, len(down), period):
        assert pcm.read_into(up[start : start + period]) == period
        assert pcm.write_from(down[start : start + period]) == period
    return down, up


def offset_of(down: np.ndarray, up: np.ndarray) -> int:
    """Where the beginning of what was played is in what was captured."""
    candidates = np.flatnonzero((up[:-16] == down[0]).all(axis=1))
    return next(int(place) for place in candidates if (up[place : place + 16] == down[:16]).all())


@pytest.mark.parametrize("period", [128, 256, 512, 1024])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_every_sample_comes_back_as_it_was(pcm, rate_hz, channels, period, record_property):
    down, up = loop_round(pcm, rate_hz, period, channels, 3.0)
    offset = offset_of(down, up)
    record_property("offset in frames", offset)
    np.testing.assert_array_equal(up[offset:], down[: len(up) - offset])
    assert offset <= 3 * period + rate_hz // 500


def test_both_directions_are_linked_and_their_offset_is_the_same_at_every_start(card):
    offsets = set()
    for _ in range(5):
        offsets.add(offset_of(*loop_round(card, 48_000, 256, 2, 0.3)) - 512)
        assert card.linked
        card.close()
    assert max(offsets) - min(offsets) <= 48  # a tick of the kernel's, by which snd-aloop moves


def test_a_program_that_comes_late_is_told_so_and_the_time_it_missed_is_known(card):
    frames = np.zeros((256, 2), np.int32)
    card.open(48_000, 256, preroll_frames=512)
    for _ in range(10):
        assert card.read_into(frames) == card.write_from(frames) == 256
    time.sleep(0.5)
    assert card.read_into(frames) in (-errno.EPIPE, PLAYBACK_XRUN)
    lost = card.recover(512)
    assert lost == pytest.approx(24_000, abs=300)
    for _ in range(10):
        assert card.read_into(frames) == card.write_from(frames) == 256


def test_playback_that_ran_dry_is_not_taken_for_an_overrun(card):
    frames = np.zeros((256, 2), np.int32)
    card.open(48_000, 256, preroll_frames=512)
    for _ in range(4):
        assert card.read_into(frames) == card.write_from(frames) == 256
    time.sleep(0.020)  # 960 frames: more than the 512 that are queued, less than the capture buffer holds
    assert card.read_into(frames) == PLAYBACK_XRUN


@pytest.mark.parametrize("back_end", list(BACK_ENDS))
def test_a_device_that_another_holds_is_a_sentence(card, back_end):
    card.open(48_000, 256, preroll_frames=512)
    with pytest.raises(PcmError, match="another program holds it") as refusal:
        BACK_ENDS[back_end](PLAY, CAPTURE).open(48_000, 256, preroll_frames=512)
    assert refusal.value.errno in (errno.EBUSY, errno.EAGAIN)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("back_end", list(BACK_ENDS))
def test_a_card_that_is_not_there_is_answered_with_the_nearest_that_is(back_end):
    with pytest.raises(PcmError, match=r"no sound card is named 'Loopbak'; did you mean 'Loopback'\?"):
        BACK_ENDS[back_end]("hw:Loopbak,0,0", CAPTURE.replace("ck", "k")).open(48_000, 256, preroll_frames=512)


def test_a_rate_that_the_other_side_does_not_run_at_is_refused_and_not_resampled(card):
    card.open(48_000, 256, preroll_frames=512)
    other = AlsaPcm("hw:Loopback,0,1", "hw:Loopback,1,0")  # the capture side is bound to 48 kHz by whoever plays
    with pytest.raises(PcmError):
        other.open(16_000, 128, preroll_frames=256)


def test_the_cards_are_listed_by_their_ids():
    assert {card.id for card in cards()} >= {"Loopback", "Second"}


def test_two_cards_are_two_clocks():
    card = AlsaPcm("hw:Second,0,0", CAPTURE)
    feeder = AlsaPcm(PLAY, "hw:Second,1,0")  # somebody at the far ends
    feeder.open(48_000, 256, preroll_frames=512)
    card.open(48_000, 256, preroll_frames=512)
    assert card.timing[TWO_CLOCKS] == 1
    feeder.close()
    card.close()


def test_descriptors_do_not_grow_with_opening(card):
    def count() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    card.open(48_000, 256, preroll_frames=512)
    card.close()
    before = count()
    for _ in range(50):
        card.open(48_000, 256, preroll_frames=512)
        card.close()
    assert count() == before


@pytest.mark.parametrize("mode", list(Mode))
def test_the_production_loop_runs_every_mode_in_its_own_thread_without_an_xrun(card, mode):
    profile = PROFILES[mode]
    engine = Engine(card, profile)
    engine.mixer.set_gains({"app": 1.0})
    engine.open()
    engine.start()
    began = time.monotonic()
    time.sleep(10.0)
    counted, passed_s = engine.statistics, time.monotonic() - began
    engine.stop()
    engine.close()
    assert counted.capture_xruns == counted.playback_xruns == counted.lost_frames == 0
    assert counted.periods * profile.period_frames / profile.rate_hz == pytest.approx(passed_s, abs=0.1)


def test_a_mode_at_a_third_of_the_card_s_rate_runs_through_the_converter(card):
    profile = PROFILES[Mode.VOICE_CHAT]
    engine = Engine(card, profile, factor=3)
    engine.open()
    engine.start()
    time.sleep(5.0)
    counted = engine.statistics
    engine.stop()
    engine.close()
    assert counted.period_frames == 384
    assert counted.periods == pytest.approx(625, abs=15)
    assert counted.capture_xruns == counted.playback_xruns == 0


def test_an_engine_goes_on_after_the_process_was_stopped_for_a_second(card):
    engine = Engine(card, PROFILES[Mode.VOICE_CHAT])
    engine.open()
    engine.run(50)
    time.sleep(1.0)
    engine.run(50)
    counted = engine.statistics
    engine.close()
    assert counted.capture_xruns + counted.playback_xruns == 1
    assert counted.lost_frames == pytest.approx(16_000, abs=400)


def test_a_card_without_a_frame_clock_ends_the_loop_with_a_sentence(card):
    """The other side of the cable is not there: snd-aloop gives a capture stream its clock only while somebody plays."""
    quiet = AlsaPcm("hw:Second,0,1", CAPTURE)
    quiet.open(48_000, 256, preroll_frames=512)
    frames, answers = np.zeros((256, 2), np.int32), set()
    for _ in range(4):
        answers.add(quiet.read_into(frames))
        quiet.write_from(frames)
    quiet.close()
    assert answers <= {256, -errno.EIO}


def test_ten_thousand_periods_of_the_loop_ask_nothing_of_the_heap(tmp_path, record_property):
    calls = count_heap_calls(tmp_path, str(HERE / "heap.py"), PLAY, CAPTURE, "10000")
    record_property("heap calls", calls)
    assert calls == 0


def test_an_hour_passes_without_an_xrun_a_leak_or_a_lost_frame(card, record_property):
    seconds = float(os.environ.get("AUDIOHAT_LONG_S", "60"))
    profile = PROFILES[Mode.VOICE_CHAT]
    engine = Engine(card, profile)
    engine.mixer.set_gains({"app": 1.0})
    line, stop = engine.line("app"), threading.Event()
    read = written = 0

    def application() -> None:
        nonlocal read, written
        noise = (0.1 * np.random.default_rng(0).standard_normal((1600, 1))).astype(np.float32)
        written += line.write(noise)
        while not stop.is_set():
            captured = len(line.read(1600))
            read += captured
            written += line.write(noise[:captured])
            time.sleep(0.02)

    engine.open()
    engine.start()
    thread = threading.Thread(target=application)
    thread.start()
    time.sleep(5.0)
    before = resident_kb()
    time.sleep(seconds)
    after = resident_kb()
    counted = engine.statistics
    stop.set()
    thread.join()
    engine.stop()
    engine.close()
    record_property("virtual seconds", seconds)
    record_property("periods", counted.periods)
    record_property("kB grown", after - before)
    assert counted.capture_xruns == counted.playback_xruns == counted.lost_frames == 0
    assert line.lost_frames == 0
    assert counted.periods == pytest.approx((seconds + 5.0) * profile.rate_hz / profile.period_frames, rel=1e-3, abs=10)
    assert abs(read - counted.periods * profile.period_frames) <= 1600 + profile.period_frames
    assert after - before < 1024


def resident_kb() -> int:
    gc.collect()
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
