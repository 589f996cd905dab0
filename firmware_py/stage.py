"""What sounds: one board's codec and card, set up, changed while sounding, and silenced. Keeps the contract of `audio.stage`.

Everything is decided and built before anything is touched. A change fades out, writes the plan, opens the card for the new
period, fades in; when any step is refused the old setup sounds on, by the same way back. Where rate and period stay, so does
the card, and only the chain is swapped; where the profile stays, so does the chain, with all that it has learnt.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from firmware_py.audio.stage import Setup
from firmware_py.board import Board
from firmware_py.bus import Bus
from firmware_py.codec import BackEnd, Codec, Plan, gain_range_db
from firmware_py.dsp.chain import Chain
from firmware_py.engine import Engine
from firmware_py.errors import FirmwareError, PcmError
from firmware_py.modes import PROFILES, Category, Mode, Profile
from firmware_py.pcm import Pcm
from firmware_py.registers import Value
from firmware_py.settings import card_factor, codec_settings
from firmware_py.units import db_to_amplitude

SHORTEST_S, LONGEST_S = 0.005, 0.093
"""Periods that a session may prefer (Apple's documented range of the I/O buffer)."""

_BLOCKS = (64, 128, 256, 512)
_GRAIN = 16  # frames; a period is a whole number of these


@dataclass(frozen=True)
class _Performance:
    """A setup, and all that was made for it. `chain` is the engine's from when it begins."""

    setup: Setup
    profile: Profile
    plan: Plan
    engine: Engine
    chain: Chain


class BoardStage:
    """The stage of a real or simulated board. With `threaded` periods go on by themselves, else whoever tests moves them.

    The codec is one whose registers are ours, on *bus*; or *codec* is there already, because somebody else has them.
    """

    def __init__(
        self,
        board: Board,
        *,
        bus: Bus | None = None,
        codec: BackEnd | None = None,
        pcm: Pcm,
        sleep: Callable[[float], None] = time.sleep,
        threaded: bool = True,
    ) -> None:
        self.board = board
        if codec is None:
            if bus is None:
                raise TypeError("a stage needs a bus, or a codec")
            codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=sleep)
        self.codec: BackEnd = codec
        self._pcm, self._threaded = pcm, threaded
        self._now: _Performance | None = None
        self._gains_db: Mapping[str, float | None] = {}
        self._format = (48_000, 1024, 2048)
        self._last = Setup(Mode.DEFAULT, Category.SOLO_AMBIENT_SOUND, None, board.port("output"))

    # The contract.

    def start(self, setup: Setup) -> None:
        """From silence. ModeChangeFailed: the codec did not take a write; PcmError: the card refuses. Silent, then."""
        coming = self._prepare(setup)
        try:
            self.codec.apply(coming.plan)
            coming.engine.open()
            self._begin(coming)
        except BaseException:
            self._now = None
            with suppress(FirmwareError):  # the first error is the one to tell
                coming.engine.stop()
                coming.engine.close()
            with suppress(FirmwareError):
                self._quieten()
            raise

    def change(self, setup: Setup) -> None:
        """While sounding. Errors as for `start`; the old setup sounds on, then."""
        leaving = self._performance
        coming = self._prepare(setup, leaving)
        self._fade_out(leaving)
        if coming.engine is leaving.engine:
            self._alter(leaving, coming)
        else:
            self._replace(leaving, coming)

    def _alter(self, leaving: _Performance, coming: _Performance) -> None:
        """Change the codec and the chain beside a card that runs on."""
        try:
            self.codec.apply(coming.plan)
            if coming.chain is not leaving.chain:
                coming.engine.swap(coming.chain)
        except BaseException:
            leaving.engine.fade(True)
            raise
        self._now, self._last = coming, coming.setup
        self.mix(self._gains_db)
        coming.engine.fade(True)

    def _replace(self, leaving: _Performance, coming: _Performance) -> None:
        """Change the codec and open the card anew. Where the old card cannot be had again either, it is silent, and `failure`."""
        leaving.engine.stop()
        try:
            self.codec.apply(coming.plan)  # its own way back is tried by itself
        except BaseException:
            self._begin(leaving)
            raise
        leaving.engine.close()
        try:
            coming.engine.open()
            self._begin(coming)
        except BaseException:
            coming.engine.stop()
            coming.engine.close()
            self._now = leaving
            try:
                self.codec.apply(self.codec.plan(leaving.plan.settings))
                leaving.engine.open()
                self._begin(leaving)
            except FirmwareError as error:
                leaving.engine.failure = error
            raise

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
        """One period of the card: the mode's, or longer where it could not keep up."""
        blocks = self._now.engine.blocks if self._now else 1
        return blocks * self.profile.period_frames / self.profile.rate_hz

    @property
    def input_latency_s(self) -> float:
        latency_frames = self._now.chain.latency_frames if self._now else 0
        return self.buffer_s + latency_frames / self.rate_hz

    @property
    def output_latency_s(self) -> float:
        inside, blocks = (self._now.chain.playback_latency_frames, self._now.engine.blocks) if self._now else (0, 1)
        return (blocks * (self.profile.preroll_frames - self.profile.period_frames) + inside) / self.rate_hz

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
        """Not where the codec levels by itself or the gain is calibrated, and not where the source's gain cannot be set."""
        if self.setup.source is None or self.profile.alc or self.setup.mode is Mode.MEASUREMENT:
            return False
        return "input_gain_db" in self._settings(self.setup, self.profile)

    @property
    def input_gain(self) -> float:
        low, high = gain_range_db(self.board.codec, "input_gain_db")
        gain_db = float(self._settings(self.setup, self.profile).get("input_gain_db", low))
        return min(1.0, max(0.0, (gain_db - low) / (high - low)))

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
    def card_rate_hz(self) -> float:
        """Rate of the card: the mode's, or a multiple of it."""
        return self.rate_hz * card_factor(self.board, self.profile)

    @property
    def failure(self) -> FirmwareError | None:
        """What ended the sound unasked; None while all is well, or silent."""
        failure = self._now.engine.failure if self._now else None
        if failure is None or isinstance(failure, FirmwareError):
            return failure
        return PcmError(errno.EIO, f"the period loop ended by a fault of ours: {failure!r}")

    def answers(self) -> bool:
        """Whether the card could be opened just now, as it was last; it is closed again. For after a failure."""
        rate_hz, period_frames, preroll_frames = self._format
        try:
            self._pcm.open(rate_hz, period_frames, 2, preroll_frames=preroll_frames)
        except FirmwareError:
            return False
        self._pcm.close()
        return True

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

    def _prepare(self, setup: Setup, leaving: _Performance | None = None) -> _Performance:
        profile, factor = _profile(self.board, setup), card_factor(self.board, _profile(self.board, setup))
        plan = self.plan(setup)
        if leaving is not None and leaving.engine.failure is None:
            chain = leaving.chain if profile == leaving.profile else Chain(profile, factor)
            if leaving.engine.takes(chain):
                return _Performance(setup, profile, plan, leaving.engine, chain)
        engine = Engine(self._pcm, profile, factor=factor)
        return _Performance(setup, profile, plan, engine, engine.chain)

    def _settings(self, setup: Setup, profile: Profile) -> dict[str, Value]:
        settings = codec_settings(
            self.board, setup.mode, profile, setup.category, source=setup.source, destination=setup.destination
        )
        if setup.input_gain is not None and not profile.alc and "input_gain_db" in settings:
            low, high = gain_range_db(self.board.codec, "input_gain_db")
            settings["input_gain_db"] = low + setup.input_gain * (high - low)
        return settings

    def _begin(self, coming: _Performance) -> None:
        """Let it sound: what is mixed, a thread, a fade from silence. PcmError if not even a period came of it."""
        self._now, self._last, engine = coming, coming.setup, coming.engine
        self._format = engine.rate_hz, engine.period_frames, engine.preroll_frames
        coming.engine.start_silent()
        self.mix(self._gains_db)
        if self._threaded:
            coming.engine.start()
        coming.engine.fade(True)
        if (failure := self.failure) is not None:
            raise failure

    @staticmethod
    def _fade_out(leaving: _Performance) -> None:
        if leaving.engine.failure is None:
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
