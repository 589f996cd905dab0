"""What only pyalsaaudio does to a card: told by a stand-in for its module that does what a test wants."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator

import alsaaudio
import numpy as np
import pytest

from firmware_py.errors import PcmError
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYED_NS, TWO_CLOCKS, portable
from firmware_py.pcm.portable import PyAlsaPcm

RATE_HZ, PERIOD, PREROLL = 16_000, 128, 176


class StandIn:
    """The module alsaaudio, but for its PCMs. Captures 1, 2, 3 ... on all channels; plays what it is given to `played`.

    granted     what `info` says otherwise than was asked
    reads       the next answers of `read`: frames at most, an error's text, or -32
    writes      the same of `write`
    """

    def __init__(self, **granted: object) -> None:
        self.granted = granted
        self.reads: list[int | str] = []
        self.writes: list[int | str] = []
        self.played: list[np.ndarray] = []
        self.calls: list[str] = []
        self.state = alsaaudio.PCM_STATE_RUNNING
        self.stamp_ns: int | None = None  # now
        self.has_stamps = True
        self.waiting = 0  # frames that the card has captured and nobody has read
        self.ready = os.eventfd(1)
        self.opened: list[StandInPcm] = []
        self.refuses: dict[str, str] = {}
        self.captured = 0

    def __getattr__(self, name: str) -> object:
        return getattr(alsaaudio, name)

    def PCM(self, **asked: object) -> StandInPcm:
        direction = "capture" if asked["type"] == alsaaudio.PCM_CAPTURE else "playback"
        if direction in self.refuses:
            raise alsaaudio.ALSAAudioError(f"{self.refuses[direction]} [{asked['device']}]")
        if any(other.is_open and other.direction == direction for other in self.opened):
            raise alsaaudio.ALSAAudioError(f"Device or resource busy [{asked['device']}]")
        self.opened.append(StandInPcm(self, direction, asked))
        return self.opened[-1]


class StandInPcm:
    def __init__(self, library: StandIn, direction: str, asked: dict) -> None:
        self.library, self.direction, self.asked, self.is_open = library, direction, asked, True
        granted = {
            "rate": asked["rate"], "channels": asked["channels"], "format": asked["format"], "format_name": "?",
            "period_size": asked["periodsize"], "card_no": int(asked["device"][-1]),
        }  # fmt: skip
        for name, value in library.granted.items():
            granted[name] = value(asked) if callable(value) else value
        granted.setdefault("buffer_size", granted["period_size"] * asked["periods"])
        self.granted = granted

    def info(self) -> dict:
        assert self.is_open, "pyalsaaudio aborts the process"
        return self.granted

    def getrates(self) -> list[int]:
        return [44_100, 48_000]

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self.library.ready, 41)]

    def polldescriptors_revents(self, events: list[tuple[int, int]]) -> int:
        return events[0][1]

    def set_tstamp_mode(self, mode: int) -> None:
        if not self.library.has_stamps:
            raise RuntimeError("Unable to set pcm tstamp mode!")

    set_tstamp_type = set_tstamp_mode

    def htimestamp(self) -> tuple[int, int, int]:
        now_ns = time.monotonic_ns() if self.library.stamp_ns is None else self.library.stamp_ns
        return *divmod(now_ns, 10**9), self.library.waiting if self.direction == "capture" else self.granted[
            "buffer_size"
        ]

    def state(self) -> int:
        return self.library.state

    def read(self) -> tuple[int, bytes]:
        count = self._answer(self.library.reads, self.granted["period_size"])
        self.library.calls.append("read")
        frames = self.library.captured + 1 + np.arange(max(0, count)).repeat(self.granted["channels"])
        self.library.captured += max(0, count)
        return count, frames.astype(self._dtype).tobytes()

    def write(self, frames: np.ndarray) -> int:
        count = self._answer(self.library.writes, len(frames))
        self.library.calls.append(f"write {count}")
        if count > 0:
            self.library.played.append(frames[:count].copy())
        return count

    def drop(self) -> None:
        self.library.calls.append(f"drop {self.direction}")

    def close(self) -> None:
        self.is_open = False
        self.library.calls.append(f"close {self.direction}")

    @property
    def _dtype(self) -> type:
        return np.int16 if self.granted["format"] == alsaaudio.PCM_FORMAT_S16_LE else np.int32

    @staticmethod
    def _answer(answers: list[int | str], frames: int) -> int:
        answer = answers.pop(0) if answers else frames
        if isinstance(answer, str):
            raise alsaaudio.ALSAAudioError(f"{answer} [hw:0]")
        return min(answer, frames)


@pytest.fixture
def library() -> Iterator[StandIn]:
    library = StandIn()
    library.reads = [0]  # a card that has just been started
    yield library
    os.close(library.ready)


def opened(library: StandIn, channels: int = 2) -> PyAlsaPcm:
    pcm = PyAlsaPcm("hw:0", library=library)
    pcm.open(RATE_HZ, PERIOD, channels, preroll_frames=PREROLL)
    return pcm


def read(pcm: PyAlsaPcm) -> tuple[int, list[int]]:
    buffer = np.zeros((PERIOD, 2), np.int32)
    return pcm.read_into(buffer), buffer[:, 0].tolist()


def wired(first: int) -> list[int]:
    return list(range(first, first + PERIOD))


def refusal(library: StandIn, **asked: int) -> PcmError:
    pcm = PyAlsaPcm("hw:0", library=library)
    with pytest.raises(PcmError) as refused:
        pcm.open(**{"rate_hz": RATE_HZ, "period_frames": PERIOD, "preroll_frames": PREROLL} | asked)
    assert not any(stream.is_open for stream in library.opened)
    assert read(pcm)[0] == -errno.EBADFD
    return refused.value


def test_capture_starts_with_a_read_then_playback_with_the_whole_preroll_in_one_write(library):
    opened(library)
    assert library.calls == ["write 0", "read", f"write {PREROLL}"]
    assert not library.played[0].any()


def test_closing_drops_before_it_closes_so_that_nothing_is_played_out(library):
    pcm = opened(library)
    library.calls.clear()
    pcm.close()
    pcm.close()
    assert library.calls == ["drop capture", "close capture", "drop playback", "close playback"]


def test_a_card_that_is_opened_again_was_let_go_of_before(library):
    pcm = opened(library)
    pcm.open(48_000, 960, preroll_frames=1440)
    assert [stream.asked["rate"] for stream in library.opened if stream.is_open] == [48_000, 48_000]


@pytest.mark.parametrize("answers", [[5, 0, 100, PERIOD], [0, 0, 127, 128], [1] * 128])
def test_short_reads_are_put_together_in_order(library, answers):
    pcm = opened(library)
    library.reads += answers
    assert read(pcm) == (PERIOD, wired(1))
    library.reads.clear()
    assert read(pcm) == (PERIOD, wired(1 + PERIOD))


def test_a_card_of_shorter_periods_fills_a_whole_one_and_gets_as_large_a_buffer(library):
    library.granted["period_size"] = 32
    pcm = opened(library)
    assert read(pcm) == (PERIOD, wired(1))
    assert min(stream.granted["buffer_size"] for stream in library.opened if stream.is_open) >= PREROLL + PERIOD


def test_short_writes_are_continued_until_all_is_queued(library):
    pcm, block = opened(library), np.arange(2 * PERIOD, dtype=np.int32).reshape(-1, 2)
    library.played.clear()
    library.writes += [1, 0, 50, 0]
    assert pcm.write_from(block) == PERIOD
    np.testing.assert_array_equal(np.concatenate(library.played), block)


def test_a_card_of_16_bits_is_opened_with_them_and_rounded_to(library):
    library.granted["format"] = alsaaudio.PCM_FORMAT_S16_LE
    pcm = opened(library)
    assert read(pcm) == (PERIOD, [sample << 16 for sample in wired(1)])
    library.played.clear()
    samples = [0, 0x7FFF, 0x8000, -0x8000, -0x8001, 0x7FFF_FFFF, -0x8000_0000]
    assert pcm.write_from(np.array(samples, np.int32).repeat(2).reshape(-1, 2)) == len(samples)
    assert library.played[0].dtype == np.int16
    assert library.played[0][:, 0].tolist() == [0, 0, 1, 0, -1, 0x7FFF, -0x8000]


@pytest.mark.parametrize(
    ("granted", "sentence"),
    [
        ({"rate": 48_000},                       "16000 Hz asked, 48000 Hz granted; it has 44100, 48000 Hz"),
        ({"channels": 6},                        "2 channels asked, 6 granted; plughw:0 converts"),
        ({"format": 6, "format_name": "S24_LE"}, "samples S32_LE or S16_LE asked, S24_LE granted; plughw:0 converts"),
        ({"period_size": 96},                    "128 frames a period asked, 96 granted; ask for a multiple of that"),
        ({"period_size": 256},                   "128 frames a period asked, 256 granted; ask for a multiple of that"),
        ({"buffer_size": 256},                   "a buffer of 304 frames asked, 256 granted; ask for a shorter period"),
    ],
)  # fmt: skip
def test_what_is_granted_otherwise_than_asked_is_refused_with_both_and_a_way_out(library, granted, sentence):
    library.granted.update(granted)
    assert str(refusal(library)) == f"hw:0 (capture): {sentence}"


@pytest.mark.parametrize(
    ("text", "number", "advice"),
    [
        ("Permission denied",       errno.EACCES, "group audio"),
        ("Device or resource busy", errno.EBUSY,  "fuser -v /dev/snd/"),
        ("Invalid argument",        errno.EINVAL, "another rate or period"),
        ("No such device",          errno.ENODEV, "hw:0 (playback)"),
        ("Something quite new",     errno.EIO,    "hw:0 (playback)"),
    ],
)  # fmt: skip
def test_why_a_device_does_not_open_is_read_from_the_text_and_the_other_direction_is_closed(
    library, text, number, advice
):
    library.refuses = {"playback": text}
    refused = refusal(library)
    assert refused.errno == number
    assert str(refused).startswith("hw:0 (playback): ")
    assert advice in str(refused)


@pytest.mark.parametrize(
    ("state", "text", "answer"),
    [
        (alsaaudio.PCM_STATE_RUNNING,      "Input/output error",     -errno.EIO),
        (alsaaudio.PCM_STATE_RUNNING,      "No such device",         -errno.ENODEV),
        (alsaaudio.PCM_STATE_RUNNING,      "Streams pipe error",     -errno.ESTRPIPE),
        (alsaaudio.PCM_STATE_SUSPENDED,    "Input/output error",     -errno.ESTRPIPE),
        (alsaaudio.PCM_STATE_DISCONNECTED, "File descriptor in bad state", -errno.ENODEV),
        (alsaaudio.PCM_STATE_RUNNING,      "Something quite new",    -errno.EIO),
    ],
)  # fmt: skip
def test_an_error_has_its_number_by_the_cards_state_or_by_its_text(library, state, text, answer):
    pcm = opened(library)
    library.state, library.reads, library.writes = state, [text], [text]
    assert read(pcm)[0] == answer
    assert pcm.write_from(np.zeros((PERIOD, 2), np.int32)) == answer


def test_an_interrupted_call_is_made_again(library):
    pcm = opened(library)
    library.reads, library.writes = ["Interrupted system call"], ["Interrupted system call"]
    assert read(pcm) == (PERIOD, wired(1))
    assert pcm.write_from(np.zeros((PERIOD, 2), np.int32)) == PERIOD


def test_a_card_without_a_frame_clock_is_given_up(library, monkeypatch):
    monkeypatch.setattr(portable, "PATIENCE_S", -0.03)  # and four periods of 8 ms
    pcm = opened(library)
    os.eventfd_read(library.ready)
    assert read(pcm)[0] == -errno.EIO
    library.writes = [100]
    assert pcm.write_from(np.zeros((PERIOD, 2), np.int32)) == -errno.EIO


def test_after_an_xrun_both_directions_stop_and_start_anew_with_the_silence_that_was_asked_for(library):
    pcm = opened(library)
    library.reads = [-errno.EPIPE]
    assert read(pcm)[0] == -errno.EPIPE
    library.calls.clear()
    library.reads = [0]
    assert pcm.recover(48) >= 0
    assert library.calls == ["drop capture", "drop playback", "write 0", "read", "write 48"]


def test_frames_of_before_an_xrun_are_not_handed_over_after_it(library):
    pcm = opened(library)
    library.reads = [100, 100, 0]
    read(pcm)
    library.writes = [-errno.EPIPE]
    assert pcm.write_from(np.zeros((PERIOD, 2), np.int32)) == -errno.EPIPE
    pcm.recover(PREROLL)
    assert read(pcm) == (PERIOD, wired(201))


def test_recovery_counts_the_time_since_the_last_frame_read_by_the_drivers_stamps(library):
    pcm = opened(library)
    began_ns = time.monotonic_ns()
    library.stamp_ns, library.waiting = began_ns - 5 * 10**9, 512
    for _ in range(300):
        read(pcm)
    lost = pcm.recover(PREROLL)
    passed_s = (time.monotonic_ns() - began_ns) * 1e-9
    assert 5 * RATE_HZ + 512 <= lost <= (5 + passed_s) * RATE_HZ + 513


def test_a_recovery_that_fails_says_why(library):
    pcm = opened(library)
    library.state, library.reads = alsaaudio.PCM_STATE_DISCONNECTED, ["No such device"]
    assert pcm.recover(PREROLL) == -errno.ENODEV
    assert pcm.recover(10**6) == -errno.EINVAL


@pytest.mark.parametrize("stamp_ns", [0, 10**18])
def test_a_stamp_that_cannot_be_says_nothing(library, stamp_ns):
    pcm = opened(library)
    library.stamp_ns = stamp_ns
    read(pcm)
    assert not pcm.timing[[CAPTURED_NS, PLAYED_NS]].any()
    assert 0 <= pcm.recover(PREROLL) < RATE_HZ


def test_a_card_without_stamps_runs_all_the_same(library):
    library.has_stamps = False
    pcm = opened(library)
    assert read(pcm) == (PERIOD, wired(1))
    assert pcm.timing[CAPTURED_NS] == 0


def test_captured_frames_count_what_waits_here_but_not_what_was_before_the_start(library):
    pcm = opened(library)
    library.reads = [100, 100]
    read(pcm)
    assert pcm.timing[CAPTURED] == 200
    library.reads = [0]
    pcm.recover(PREROLL)
    read(pcm)
    assert pcm.timing[CAPTURED] == PERIOD


def test_playback_that_starts_with_a_later_write_is_told_to_be_late(library):
    pcm = opened(library)
    assert pcm.timing[OFFSET] >= -PERIOD // 8
    library.reads = [0]
    pcm.recover(0)
    pcm._began_ns -= 10**9
    pcm.write_from(np.zeros((PERIOD, 2), np.int32))
    assert pcm.timing[OFFSET] >= RATE_HZ - PERIOD // 8


@pytest.mark.parametrize(("capture", "two"), [("hw:0", 0), ("hw:1", 1)])
def test_two_cards_have_two_clocks(library, capture, two):
    pcm = PyAlsaPcm("hw:0", capture, library=library)
    pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
    assert pcm.timing[TWO_CLOCKS] == two


@pytest.mark.parametrize(("period_frames", "preroll_frames"), [(0, 0), (PERIOD, PERIOD - 1)])
def test_less_preroll_than_a_period_is_a_mistake_and_opens_nothing(library, period_frames, preroll_frames):
    with pytest.raises(ValueError, match="do not hold a period"):
        PyAlsaPcm("hw:0", library=library).open(RATE_HZ, period_frames, preroll_frames=preroll_frames)
    assert not library.opened


def test_a_buffer_with_gaps_is_a_mistake(library):
    with pytest.raises(ValueError, match="gaps"):
        opened(library).write_from(np.zeros((PERIOD, 4), np.int32)[:, ::2])
