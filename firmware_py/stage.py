"""What sounds: one board's codec and card, set up, changed while sounding, and silenced. Keeps the contract of `audio.stage`.

Everything is decided and built before anything is touched. A change fades out, writes the plan, opens the card for the new
period, fades in; when any step is refused the old setup sounds on, by the same way back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from firmware_py.audio.stage import Setup
from firmware_py.board import Board
from firmware_py.bus import Bus
from firmware_py.codec import Codec, Plan, gain_range_db
from firmware_py.engine import Engine
from firmware_py.errors import FirmwareError
from firmware_py.modes import PROFILES, Category, Mode, Profile
from firmware_py.pcm import Pcm
from firmware_py.registers import Value
from firmware_py.settings import codec_settings
from firmware_py.units import db_to_amplitude

SHORTEST_S, LONGEST_S = 0.005, 0.093
"""Periods that a session may prefer (Apple's documented range of the I/O buffer)."""

_BLOCKS = (64, 128, 256, 512)
_GRAIN = 16  # frames; a period is a whole number of these


@dataclass(frozen=True)
class _Performance:
    """A setup, and all that was made for it."""

    setup: Setup
    profile: Profile
    plan: Plan
    engine: Engine


class BoardStage:
    """The stage of a real or simulated board. With `threaded` periods go on by themselves, else whoever tests moves them."""

    def __init__(
        self,
        board: Board,
        *,
        bus: Bus,
        pcm: Pcm,
        sleep: Callable[[float], None] = time.sleep,
        threaded: bool = True,
    ) -> None:
        self.board = board
        self.codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=sleep)
        self._pcm, self._threaded = pcm, threaded
        self._now: _Performance | None = None
        self._gains_db: Mapping[str, float | None] = {}
        self._last = Setup(Mode.DEFAULT, Category.SOLO_AMBIENT_SOUND, None, board.port("output"))

    # The contract.

    def start(self, setup: Setup) -> None:
        """From silence. ModeChangeFailed: the codec did not take a write; PcmError: the card refuses. Silent, then."""
        coming = self._prepare(setup)
        try:
            self.codec.apply(coming.plan)
            coming.engine.open()
        except BaseException:
            with suppress(FirmwareError):  # the first error is the one to tell
                self._quieten()
            raise
        self._begin(coming)

    def change(self, setup: Setup) -> None:
        """While sounding. Errors as for `start`; the old setup sounds on, then."""
        leaving = self._performance
        coming = self._prepare(setup)
        self._fade_out(leaving)
        leaving.engine.stop()
        try:
            self.codec.apply(coming.plan)  # its own way back is tried by itself
            leaving.engine.close()
            try:
                coming.engine.open()
            except BaseException:
                self.codec.apply(self.codec.plan(leaving.plan.settings))
                leaving.engine.open()
                raise
        except BaseException:
            self._begin(leaving)
            raise
        self._begin(coming)

    def stop(self) -> None:
        """Silence, and no bias on the microphone. It has stopped even if it raises."""
        leaving, self._now, self._gains_db = self._performance, None, {}
        try:
            self._fade_out(leaving)
            leaving.engine.stop()
            self._quieten()
        finally:
            leaving.engine.stop()
            leaving.engine.close()

    def mix(self, gains_db: Mapping[str, float | None]) -> None:
        """Playback gain of each session; who is not named is neither heard nor fed any more when this returns."""
        self._gains_db = dict(gains_db)
        if self._now is not None:
            self._now.engine.set_gains({name: gain for name, gain in gains_db.items() if gain is not None})

    @property
    def rate_hz(self) -> float:
        return float(self.profile.rate_hz)

    @property
    def buffer_s(self) -> float:
        return self.profile.period_frames / self.profile.rate_hz

    @property
    def input_latency_s(self) -> float:
        latency_frames = self._now.engine.chain.latency_frames if self._now else 0
        return self.buffer_s + latency_frames / self.rate_hz

    @property
    def output_latency_s(self) -> float:
        return (self.profile.preroll_frames - self.profile.period_frames) / self.rate_hz

    @property
    def input_channels(self) -> int:
        return self.profile.channels if self.setup.source else 0

    @property
    def output_channels(self) -> int:
        return self.profile.channels if self.setup.destination else 0

    @property
    def output_volume(self) -> float:
        port = self.setup.destination
        gain = next((self.board.defaults.get(f"{name}_gain_db", 0.0) for name in port.set), 0.0) if port else 0.0
        return min(1.0, db_to_amplitude(float(gain)))

    @property
    def input_gain_available(self) -> bool:
        """Not where the codec levels by itself, and not where the gain is calibrated."""
        return self.setup.source is not None and not self.profile.alc and self.setup.mode is not Mode.MEASUREMENT

    @property
    def input_gain(self) -> float:
        low, high = gain_range_db(self.board.codec, "input_gain_db")
        gain_db = self._settings(self.setup, self.profile)["input_gain_db"]
        return (float(gain_db) - low) / (high - low)

    # For those who look after it.

    @property
    def setup(self) -> Setup:
        """The present setup; while silent, the last one."""
        return self._now.setup if self._now else self._last

    @property
    def profile(self) -> Profile:
        """What the setup's mode promises, at the rate and period it has."""
        return self._now.profile if self._now else _profile(self.board, self._last)

    @property
    def sounding(self) -> bool:
        return self._now is not None

    @property
    def engine(self) -> Engine:
        """The running engine. FirmwareError while silent."""
        return self._performance.engine

    def plan(self, setup: Setup | None = None) -> Plan:
        """What would be written for a setup now, or for the present one again. Touches nothing."""
        setup = setup or self.setup
        return self.codec.plan(self._settings(setup, _profile(self.board, setup)))

    def close(self) -> None:
        """Silence the board and power the codec down."""
        try:
            if self._now is not None:
                self.stop()
        finally:
            if self.codec.touched:
                self.codec.apply(self.codec.plan({}, "off"))

    @property
    def _performance(self) -> _Performance:
        if self._now is None:
            raise FirmwareError(f"{self.board.name} is silent; activate a session first")
        return self._now

    def _prepare(self, setup: Setup) -> _Performance:
        profile = _profile(self.board, setup)
        return _Performance(setup, profile, self.plan(setup), Engine(self._pcm, profile))

    def _settings(self, setup: Setup, profile: Profile) -> dict[str, Value]:
        settings = codec_settings(
            self.board, setup.mode, profile, setup.category, source=setup.source, destination=setup.destination
        )
        if setup.input_gain is not None and not profile.alc:
            low, high = gain_range_db(self.board.codec, "input_gain_db")
            settings["input_gain_db"] = low + setup.input_gain * (high - low)
        return settings

    def _begin(self, coming: _Performance) -> None:
        """Let it sound: what is mixed, a thread, a fade from silence."""
        self._now, self._last = coming, coming.setup
        coming.engine.start_silent()
        self.mix(self._gains_db)
        if self._threaded:
            coming.engine.start()
        coming.engine.fade(True)

    @staticmethod
    def _fade_out(leaving: _Performance) -> None:
        with suppress(FirmwareError):  # a card that has stopped is silent already
            leaving.engine.fade(False)

    def _quieten(self) -> None:
        self.codec.apply(self.codec.plan({}, "standby"))


def _profile(board: Board, setup: Setup) -> Profile:
    """The mode's profile, bent towards the preferred rate and period as far as mode and codec go.

    A canceller keeps its rate and takes periods that are powers of two; other modes take any rate of the codec's.
    """
    profile = PROFILES[setup.mode]
    able = board.codec.rates_at(board.mclk_hz)
    if setup.preferred_rate_hz and not profile.cancels_echo and setup.preferred_rate_hz in able:
        rate_hz = int(setup.preferred_rate_hz)
        frames = round(profile.period_frames * rate_hz / profile.rate_hz / _GRAIN) * _GRAIN
        profile = replace(profile, rate_hz=rate_hz, period_frames=frames)
    if setup.preferred_buffer_s:
        wanted = min(max(setup.preferred_buffer_s, SHORTEST_S), LONGEST_S) * profile.rate_hz
        if profile.cancels_echo:
            longest = 0.016 * profile.rate_hz
            frames = min((b for b in _BLOCKS if b <= longest), key=lambda block: abs(block - wanted))
        else:
            frames = max(_GRAIN, round(wanted / _GRAIN) * _GRAIN)
        profile = replace(profile, period_frames=frames)
    return profile
