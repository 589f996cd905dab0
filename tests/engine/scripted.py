"""A sound card whose time is simulated and whose misfortunes are written down beforehand.

    card = ScriptedPcm(
        [
            Event("read", 3, (-EPIPE,), late_frames=500),   # the fourth read: an overrun, 500 frames are lost
            Event("read", 7, (1, -EINTR, -EAGAIN, 17)),     # handed over in pieces
            Event("write", 9, late_frames=2000),            # the program is late: playback runs dry by itself
            Event("read", 12, (-ENODEV,)),                  # unplugged ...
            Event("open", 1, (-ENODEV,)),                   # ... and back at the third opening
        ],
        echo=Echo(delay_frames=40, fir=(0.5, 0.2)),
        playback_ppm=120.0,
    )

Time is that of two clocks, the converters'. It passes while a program waits and where the script makes it late, nowhere else:
a program on this card is infinitely quick. It judges nothing, and shares no code with the real back ends.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import PcmError
from firmware_py.pcm import CAPTURED, OFFSET, PLAYED, TIMING, TWO_CLOCKS, Frames, Words

BUFFER_PERIODS = 8
RATES_HZ = (8_000, 16_000, 32_000, 44_100, 48_000)

Call = Literal["open", "start", "read", "write", "recover"]

_STOPPED, _RUNNING, _XRUN, _SUSPENDED, _GONE = range(5)
_ANSWER = {_STOPPED: -errno.EBADFD, _XRUN: -errno.EPIPE, _SUSPENDED: -errno.ESTRPIPE, _GONE: -errno.ENODEV}
_STATE = {-errno.EPIPE: _XRUN, -errno.ESTRPIPE: _SUSPENDED, -errno.ENODEV: _GONE}
_SINC_TAPS = 32


@dataclass(frozen=True)
class Event:
    """What happens at the *at*-th call of a kind since the card was made, counted from 0.

    answers       the driver's, one after the other, before it behaves again: frames at most, or -errno.
                  -EPIPE and -ESTRPIPE last until recovery, -ENODEV until the card is opened again
    late_frames   time that passes before the call, the program being held up

    "open" is before anything is open, "start" when both directions are; "recover" may answer too.
    """

    call: Call
    at: int
    answers: tuple[int, ...] = ()
    late_frames: int = 0


@dataclass(frozen=True)
class Echo:
    """The way from the playback converter to the capture converter, the same for every channel."""

    delay_frames: int = 0
    fir: tuple[float, ...] = (1.0,)


class ScriptedPcm:
    """The contract on top of a `Driver` that hands over in pieces.

    echo                    what is captured of what is played; None is silence
    near                    what is captured besides: capture ticks int64[n] -> float[n], full scale 2**31
    capture_ppm, playback_ppm   by how much the converters' clocks are fast
    jitter_ns               by how much a time stamp may be off
    start_offset_frames     by how much playback starts behind capture
    """

    def __init__(
        self,
        events: Iterable[Event] = (),
        *,
        echo: Echo | None = None,
        near: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
        capture_ppm: float = 0.0,
        playback_ppm: float = 0.0,
        jitter_ns: int = 0,
        start_offset_frames: int = 0,
        seed: int = 0,
    ) -> None:
        self.timing: Words = np.zeros(TIMING, np.int64)
        self.driver = Driver(echo, near, capture_ppm, playback_ppm, start_offset_frames)
        self._events = {(event.call, event.at): event for event in events}
        self._calls: dict[Call, int] = dict.fromkeys(get_args(Call), 0)
        self._jitter_ns, self._random = jitter_ns, np.random.default_rng(seed)

    @property
    def handles(self) -> int:
        """What a program has open."""
        return self.driver.handles

    def script(self, event: Event) -> None:
        """One more thing to happen, or another than was foreseen."""
        self._events[event.call, event.at] = event

    @property
    def calls(self) -> Mapping[Call, int]:
        """How often each call was made so far."""
        return self._calls

    def open(self, rate_hz: int, period_frames: int, channels: int = 2, *, preroll_frames: int) -> None:
        self.close()
        if period_frames < 1 or preroll_frames < period_frames:
            raise ValueError(f"{preroll_frames} frames of preroll do not hold a period of {period_frames} frames")
        self._refuse_if_told("open")
        if rate_hz not in RATES_HZ:
            raise PcmError(errno.ENOTSUP, f"the scripted card has no {rate_hz} Hz; it has {RATES_HZ}")
        self.driver.open(rate_hz, period_frames, channels, preroll_frames)
        try:
            self._refuse_if_told("start")
        except PcmError:
            self.close()
            raise
        self._start(preroll_frames)

    def read_into(self, buffer: Frames) -> int:
        return self._transfer("read", buffer, self.driver.readi)

    def write_from(self, buffer: Frames) -> int:
        return self._transfer("write", buffer, self.driver.writei)

    def recover(self, queued_frames: int) -> int:
        driver = self.driver
        if not driver.handles:
            return -errno.EBADFD
        self._event("recover")
        if driver.scripted:
            return driver.scripted.pop(0)
        if driver.state == _GONE:
            return -errno.ENODEV
        lost = driver.captured - driver.read_frames
        self._start(queued_frames)
        return lost

    def close(self) -> None:
        self.driver.close()
        self.timing[:] = 0

    def _transfer(self, call: Call, buffer: Frames, move: Callable[[Frames], int]) -> int:
        driver = self.driver
        if not driver.handles:
            return -errno.EBADFD
        if buffer.dtype != np.int32 or buffer.ndim != 2 or buffer.shape[1] != driver.channels:
            raise ValueError(f"frames are int32[n, {driver.channels}], not {buffer.dtype}{list(buffer.shape)}")
        self._event(call)
        done = 0
        while done < len(buffer):
            answer = move(buffer[done:])
            if answer > 0:
                done += answer
            elif answer == -errno.EAGAIN:
                driver.wait(call, len(buffer) - done)
            elif answer != -errno.EINTR:
                return answer
        self._stamp()
        return done

    def _start(self, queued_frames: int) -> None:
        self.driver.start(queued_frames)
        self.timing[:] = 0
        self.timing[OFFSET] = self.driver.start_offset_frames
        self.timing[TWO_CLOCKS] = self.driver.ratio != 1.0

    def _stamp(self) -> None:
        driver, timing = self.driver, self.timing
        for count, frames in ((CAPTURED, driver.captured), (PLAYED, driver.played)):
            off_ns = int(self._random.integers(-self._jitter_ns, self._jitter_ns + 1))
            timing[count] = frames
            timing[count + 1] = max(int(timing[count + 1]), driver.now_ns + off_ns)

    def _event(self, call: Call) -> None:
        """Let happen what the script has for this call."""
        event = self._events.get((call, self._calls[call]), Event(call, self._calls[call]))
        self._calls[call] += 1
        self.driver.pass_time(event.late_frames)
        self.driver.scripted[:] = event.answers

    def _refuse_if_told(self, call: Call) -> None:
        self._event(call)
        if self.driver.scripted:
            problem = -self.driver.scripted.pop(0)
            raise PcmError(problem, f"the scripted card does not {call}: {errno.errorcode[problem]}")


class Driver:
    """Two streams, non-blocking. Time is in frames of the nominal clock; a tick is a frame of a converter's own clock."""

    def __init__(
        self,
        echo: Echo | None,
        near: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None,
        capture_ppm: float,
        playback_ppm: float,
        start_offset_frames: int,
    ) -> None:
        self.handles, self.state = 0, _STOPPED
        self.channels = 2
        self.read_frames = 0  # since the last start
        self.start_offset_frames = start_offset_frames
        self.scripted: list[int] = []
        self._capture_speed, self._playback_speed = 1.0 + capture_ppm * 1e-6, 1.0 + playback_ppm * 1e-6
        self.ratio = self._playback_speed / self._capture_speed
        self._echo, self._near = echo, near
        if echo and self.ratio != 1.0 and echo.delay_frames < _SINC_TAPS // 2:
            raise ValueError(f"an echo between two clocks takes at least {_SINC_TAPS // 2} frames")
        self._rate_hz, self._period_frames, self._time = 1, 1, 0.0
        self._before_ns = 1_000_000_000  # a time of 0 would say nothing
        self._queue: Frames = np.zeros((0, 2), np.int32)
        self._queued = self.played = 0
        self._dry = True
        self._capture_start = self._playback_start = self._aired = 0  # ticks
        self._air: NDArray[np.float64] = np.zeros((1, 2))  # what the playback converter put out, a ring of its ticks

    def open(self, rate_hz: int, period_frames: int, channels: int, preroll_frames: int) -> None:
        """Both directions; silence is all that was ever played."""
        self._before_ns, self._time = self.now_ns, 0.0
        self._rate_hz, self._period_frames, self.channels = rate_hz, period_frames, channels
        capacity = BUFFER_PERIODS * period_frames + preroll_frames
        reach = (self._echo.delay_frames + len(self._echo.fir) if self._echo else 0) + _SINC_TAPS
        self._queue = np.zeros((capacity, channels), np.int32)
        self._air = np.zeros((1 << (2 * capacity + reach).bit_length(), channels))
        self._aired = 0
        self.handles = 2

    def close(self) -> None:
        """What is queued is never heard."""
        self.handles, self.state = 0, _STOPPED
        self.scripted.clear()

    def start(self, queued_frames: int) -> None:
        """Both directions, with that much silence queued."""
        if not 0 <= queued_frames <= len(self._queue):
            raise ValueError(f"{queued_frames} frames of silence in a buffer of {len(self._queue)}")
        self.state, self._dry = _RUNNING, False
        self.read_frames = self.played = 0
        self._queue[:queued_frames] = 0
        self._queued = queued_frames
        self._capture_start = self._capture_tick
        self._playback_start = self._playback_tick + self.start_offset_frames

    @property
    def now_ns(self) -> int:
        return self._before_ns + round(self._time / self._rate_hz * 1e9)

    @property
    def captured(self) -> int:
        """Frames since the last start, lost ones included."""
        return self._capture_tick - self._capture_start

    @property
    def queued(self) -> int:
        """Frames that wait for the playback converter."""
        return self._queued

    def readi(self, buffer: Frames) -> int:
        if (answer := self._answer(len(buffer))) <= 0:
            return answer
        waiting = self.captured - self.read_frames
        if waiting > len(self._queue):
            self.state = _XRUN
            return -errno.EPIPE
        count = min(answer, waiting)
        if not count:
            return -errno.EAGAIN
        ticks = self._capture_start + self.read_frames + np.arange(count)
        heard = np.zeros((count, self.channels)) if self._echo is None else self._echoed(ticks, self._echo)
        if self._near is not None:
            heard += self._near(ticks)[:, None]
        buffer[:count] = np.clip(np.rint(heard), -(2.0**31), 2.0**31 - 1)
        self.read_frames += count
        return count

    def writei(self, frames: Frames) -> int:
        if (answer := self._answer(len(frames))) <= 0:
            return answer
        if self._dry:
            return -errno.EPIPE
        count = min(answer, len(self._queue) - self._queued)
        if not count:
            return -errno.EAGAIN
        self._queue[self._queued : self._queued + count] = frames[:count]
        self._queued += count
        return count

    def wait(self, call: Call, frames: int) -> None:
        """Sleep until so many frames are there to read, or fit."""
        if call == "read":
            target = (self._capture_start + self.read_frames + frames) / self._capture_speed
        else:
            surplus = max(0, self._queued + frames - len(self._queue))
            target = (self._playback_start + self.played + surplus) / self._playback_speed
        self.pass_time(max(0.0, target - self._time))

    def pass_time(self, frames: float) -> None:
        """Both converters go on."""
        self._time += frames
        first, last = self._aired, self._playback_tick
        if last == first:
            return
        out = np.zeros((last - first, self.channels))
        begin = max(first, self._playback_start)
        if self.state == _RUNNING and not self._dry and last > begin:
            wanted = last - begin
            count = min(wanted, self._queued)
            out[begin - first : begin - first + count] = self._queue[:count]
            self._queue[: self._queued - count] = self._queue[count : self._queued].copy()
            self._queued -= count
            self.played += count
            self._dry = count < wanted
        out = out[-len(self._air) :]
        self._air[np.arange(last - len(out), last) % len(self._air)] = out
        self._aired = last

    def _answer(self, frames: int) -> int:
        """How many frames the script and the state allow, or -errno."""
        if self.scripted:
            answer = self.scripted.pop(0)
            self.state = _STATE.get(answer, self.state)
            return min(answer, frames)
        return frames if self.state == _RUNNING else _ANSWER[self.state]

    def _echoed(self, ticks: NDArray[np.int64], echo: Echo) -> NDArray[np.float64]:
        fir = np.array(echo.fir)
        ticks = np.arange(ticks[0] - len(fir) + 1, ticks[-1] + 1)
        if self.ratio == 1.0:
            sound = self._aired_at(ticks - echo.delay_frames)
        else:
            place = ticks * self.ratio - echo.delay_frames
            whole = np.floor(place).astype(np.int64)
            near = np.arange(1 - _SINC_TAPS // 2, 1 + _SINC_TAPS // 2)
            apart = near - (place - whole)[:, None]
            window = np.cos(np.pi * apart / (_SINC_TAPS + 2)) ** 2
            sound = np.einsum("ij,ijc->ic", np.sinc(apart) * window, self._aired_at(whole[:, None] + near))
        return np.stack([np.convolve(channel, fir, "valid") for channel in sound.T], axis=1)

    def _aired_at(self, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        known = (ticks >= 0) & (ticks > self._aired - len(self._air)) & (ticks < self._aired)
        return np.where(known[..., None], self._air[ticks % len(self._air)], 0.0)

    @property
    def _capture_tick(self) -> int:
        return math.floor(self._time * self._capture_speed + 1e-6)

    @property
    def _playback_tick(self) -> int:
        return math.floor(self._time * self._playback_speed + 1e-6)
