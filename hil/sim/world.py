"""The world round a codec: a loudspeaker, a room, somebody who talks, two microphones, and true time.

It advances in periods of the codec's own frame clock, so an hour of audio takes what the arithmetic takes and
a wrong clock is heard as a wrong pitch. It touches the chip through its pins only: bytes, volts and frames.
It is not a sound card (`pcm` is) and it judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hil.sim.convolver import Convolver
from hil.sim.room import (
    LOUDSPEAKER_OFFSET_M,
    MICROPHONE_SPACING_M,
    TALKER_OFFSET_M,
    Position,
    Room,
    impulse_response,
)
from hil.sim.room import room as room_called
from hil.sim.talker import Talker
from hil.sim.transducers import CAPSULE_DBV_PER_PA, DEFAULT_DISTORTION, Capsules, Loudspeaker, Noise

if TYPE_CHECKING:
    from hil.sim.chip import Chip
    from hil.sim.hats import Wiring

Float = NDArray[np.float32]
Frames = NDArray[np.int32]


def _nothing() -> Float:
    return np.zeros(0, dtype=np.float32)


@dataclass
class Tape:
    """What no codec can tell, recorded period by period; the arrays are there after the `with` block."""

    speaker_v: Float = field(default_factory=_nothing)  # [n], across the loudspeaker
    mic_pa: Float = field(default_factory=_nothing)  # [n, 2], all that reaches the microphones
    echo_pa: Float = field(default_factory=_nothing)  # [n, 2], the loudspeaker's part of it
    near_pa: Float = field(default_factory=_nothing)  # [n, 2], the talkers' part of it
    mic_bias_v: Float = field(
        default_factory=_nothing
    )  # [periods], on the pin that feeds the microphones; 0 without one


@dataclass
class _Stream:
    """What is built for one period length at one true rate."""

    period_frames: int
    rate_hz: float
    loudspeaker: Loudspeaker
    echo: Convolver
    mouth: Convolver
    noise: Noise
    mouth_rings: int = 0  # periods until a silent mouth is silent in the room as well


class World:
    """A chip, wired as the HAT wires it, in a room.

    `noise_spl_db` None takes the room's own noise; `distortion` is the loudspeaker's at 1 Vrms, 0 = linear.
    `acoustic_coupling` scales what the loudspeaker radiates; 0.0 takes the air away for electrical
    measurements. `cable_gain_db`, if not None, replaces both microphones by a cable from the headphone jack,
    left to left and right to right, with that gain. `ambient_noise` scales what the room adds: 0.0 is a quiet box
    over the microphones, whose own hiss remains. KeyError for an unknown room.
    """

    def __init__(
        self,
        chip: Chip,
        wiring: Wiring,
        room: str = "office",
        *,
        seed: int = 0,
        distortion: float = DEFAULT_DISTORTION,
        noise_spl_db: float | None = None,
        acoustic_coupling: float = 1.0,
        cable_gain_db: float | None = None,
    ) -> None:
        self.chip = chip
        self.wiring = wiring
        self.time_s = 0.0
        self.acoustic_coupling = float(acoustic_coupling)
        self.cable_gain_db = cable_gain_db
        self.ambient_noise = 1.0
        self._room = room_called(room)
        self._loudspeaker_offset_m = LOUDSPEAKER_OFFSET_M
        self._seed = seed
        self._distortion = distortion
        self._noise_spl_db = noise_spl_db
        self._capsules = Capsules()
        self._capsule_gain = np.float32(10.0 ** ((wiring.capsule_dbv - CAPSULE_DBV_PER_PA) / 20.0))
        self._at_mouth: list[Talker] = []
        self._at_capsule: list[Talker] = []
        self._stream: _Stream | None = None
        self._reel: dict[str, list[Float]] | None = None

    @property
    def room_name(self) -> str:
        """Where the box stands now."""
        return self._room.name

    def wait(self, seconds: float) -> None:
        """Time passes, no frame moves."""
        self.chip.wait(seconds)
        self._capsules.wait(seconds, self._supply_v())
        for talker in (*self._at_mouth, *self._at_capsule):
            talker.wait(seconds)
        self.time_s += seconds

    def step(self, playback: Frames) -> Frames | None:
        """One period: int32[n, 2] to the codec and from it; None, and no time passes, without a frame clock.

        n may change, and so may the chip's rate; either is a new stream, in which nothing rings on.
        """
        rate_hz = self.chip.frame_rate_hz
        if rate_hz is None:
            return None
        n = len(playback)
        stream = self._stream
        if stream is None or stream.period_frames != n or stream.rate_hz != rate_hz:
            stream = self._stream = self._start(n, rate_hz)
        outputs = self.chip.play(playback)
        speaker_v = outputs[self.wiring.loudspeaker]
        radiated_pa = stream.loudspeaker.pressure_pa(speaker_v) * np.float32(self.acoustic_coupling)
        echo_pa = stream.echo.next(radiated_pa)
        near_pa = self._near(stream)
        mic_pa = echo_pa + stream.noise.next(self.ambient_noise)
        if near_pa is not None:
            mic_pa += near_pa
        left, right = self._capsules.volts(mic_pa, self._supply_v(), n / rate_hz) * self._capsule_gain
        if self.cable_gain_db is not None:
            gain = np.float32(10.0 ** (self.cable_gain_db / 20.0))
            left, right = (outputs[pin] * gain for pin in self.wiring.headphones)
        captured = self.chip.capture(dict(zip(self.wiring.microphones, (left, right), strict=False)))
        if self._reel is not None:
            self._tape(speaker_v, mic_pa, echo_pa, near_pa)
        self.time_s += n / rate_hz
        return captured

    def talk(
        self,
        pressure_pa: Float,
        rate_hz: float,
        *,
        at: str = "mouth",
        start_s: float | None = None,
    ) -> float:
        """Let float32[m] pascals be heard from `start_s` (now if None) and return the time they end.

        At the mouth the pressure is that at 1 m in the free field, and the room does the rest; at the capsule
        it is a calibrated source on both microphones, no room between. Several may talk at once.
        """
        if at not in ("mouth", "capsule"):
            raise ValueError(f"a talker is at 'mouth' or 'capsule', not at {at!r}")
        begin_s = self.time_s if start_s is None else start_s
        talker = Talker(pressure_pa, rate_hz, (self.time_s - begin_s) * rate_hz)
        (self._at_mouth if at == "mouth" else self._at_capsule).append(talker)
        return begin_s + len(pressure_pa) / rate_hz

    def hush(self) -> None:
        """Everybody stops talking, also those who have not begun; the room rings on."""
        self._at_mouth.clear()
        self._at_capsule.clear()

    def move_to(self, room_name: str) -> None:
        """Carry the box to another room while it runs. KeyError for an unknown one."""
        self._place(room_called(room_name), self._loudspeaker_offset_m)
        if self._stream is not None:
            self._stream.noise = self._room_noise(self._stream.period_frames, self._stream.rate_hz)

    def move_speaker(self, offset_m: Position) -> None:
        """Put the loudspeaker elsewhere, seen from between the microphones. ValueError outside the room."""
        self._place(self._room, offset_m)

    @contextmanager
    def recording(self) -> Iterator[Tape]:
        """Record what happens inside the `with` block on a `Tape`."""
        tape = Tape()
        reel: dict[str, list[Float]] = {name: [] for name in vars(tape)}
        self._reel = reel
        try:
            yield tape
        finally:
            self._reel = None
            for name, pieces in reel.items():
                if pieces:
                    setattr(tape, name, np.ascontiguousarray(np.concatenate(pieces, axis=-1).T))

    def _supply_v(self) -> float:
        return inf if self.wiring.bias_pin is None else self._bias_v(self.wiring.bias_pin)

    def _bias_v(self, pin: str | None) -> float:
        return 0.0 if pin is None else self.chip.mic_bias_v[pin]

    def _start(self, period_frames: int, rate_hz: float) -> _Stream:
        return _Stream(
            period_frames,
            rate_hz,
            Loudspeaker(rate_hz, self._distortion),
            Convolver(impulse_response(self._room, rate_hz, self._loudspeaker_offset_m), period_frames),
            Convolver(impulse_response(self._room, rate_hz, TALKER_OFFSET_M), period_frames),
            self._room_noise(period_frames, rate_hz),
        )

    def _room_noise(self, period_frames: int, rate_hz: float) -> Noise:
        spl_db = self._room.noise_spl_db if self._noise_spl_db is None else self._noise_spl_db
        return Noise(rate_hz, period_frames, spl_db, MICROPHONE_SPACING_M, self._seed)

    def _place(self, place: Room, loudspeaker_offset_m: Position) -> None:
        place.seen_from_box(loudspeaker_offset_m)
        self._room, self._loudspeaker_offset_m = place, loudspeaker_offset_m
        if self._stream is not None:
            rate_hz = self._stream.rate_hz
            self._stream.echo.replace(impulse_response(place, rate_hz, loudspeaker_offset_m))
            self._stream.mouth.replace(impulse_response(place, rate_hz, TALKER_OFFSET_M))

    def _near(self, stream: _Stream) -> Float | None:
        """float32[2, n] of all talkers at the microphones, None while there is nothing."""
        near_pa: Float | None = None
        if self._at_mouth or stream.mouth_rings:
            if self._at_mouth:
                stream.mouth_rings = stream.mouth.tail_periods
            stream.mouth_rings -= 1
            near_pa = stream.mouth.next(self._sum(self._at_mouth, stream))
        if self._at_capsule:
            direct = self._sum(self._at_capsule, stream)
            near_pa = np.stack([direct, direct]) if near_pa is None else near_pa + direct
        return near_pa

    @staticmethod
    def _sum(talkers: list[Talker], stream: _Stream) -> Float:
        total = np.zeros(stream.period_frames, dtype=np.float32)
        for talker in talkers:
            total += talker.next(stream.period_frames, stream.rate_hz)
        talkers[:] = [talker for talker in talkers if not talker.finished]
        return total

    def _tape(self, speaker_v: Float, mic_pa: Float, echo_pa: Float, near_pa: Float | None) -> None:
        assert self._reel is not None
        self._reel["speaker_v"].append(np.array(speaker_v, dtype=np.float32))
        self._reel["mic_pa"].append(mic_pa)
        self._reel["echo_pa"].append(echo_pa)
        self._reel["near_pa"].append(np.zeros_like(mic_pa) if near_pa is None else near_pa)
        self._reel["mic_bias_v"].append(np.array([self._bias_v(self.wiring.bias_pin)], dtype=np.float32))
