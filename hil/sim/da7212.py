"""The DA7212 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

Not a table of fields: registers exist here only to decide what the blocks do. After power-up and after a reset the
chip is in standby: the first access is not acknowledged, registers can be written, and nothing runs until 0xFD
bit 0 is set. (The Linux driver never sets it. Strictness, not evidence, decides here.) Left out: digital microphones,
TDM slots, the system controller's shortcuts (0x50, 0x51), jack detection, thermal protection (the chip has none).
Time passes with frames, or by `wait`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hil.sim.chip import Frames, Volts
from hil.sim.da7212_alc import READ_S
from hil.sim.da7212_clocks import RATES_HZ, Clocks, Pll, References, clocks
from hil.sim.da7212_faults import LDO_WAIT_S, Sight, Watch
from hil.sim.da7212_gain import RAMP_RATES_DB_S
from hil.sim.da7212_input import DIGITAL_FLOOR_DB, PINS, RecordPath
from hil.sim.da7212_output import PlaybackPath
from hil.sim.da7212_registers import STATUS, Registers, small_switches
from hil.sim.frames import FrameTime, fitted, frames_at, frames_of, words_of
from hil.sim.i2s import Port, Wire

ADDRESS = 0x1A
FORMATS = ("i2s", "left_justified", "right_justified", "dsp")
WORD_BITS = (16, 20, 24, 32)
RESET_S = 0.005  # no acknowledge for so long; drivers wait 10 ms
RATE_TOLERANCE = 0.01
SLIP_FRAMES = 32  # history kept for a converter slower than the link


class Da7212:
    """One chip on a bench. After power-up it is in standby and silent until told otherwise.

    mclk_hz: frequency on the MCLK pin, 0 for none. avdd_v: supply; full scale is in proportion. seed: of the input
    noise. host_rate_hz: WCLK of the host while the chip is consumer, 0 for none.
    """

    def __init__(
        self,
        mclk_hz: float = 11_289_600.0,
        avdd_v: float = 3.3,
        seed: int = 7212,
        host_rate_hz: float = 48_000.0,
    ) -> None:
        self._mclk_hz = mclk_hz
        self._avdd_v = avdd_v
        self._host_rate_hz = host_rate_hz
        self._record = RecordPath(avdd_v, seed)
        self._playback = PlaybackPath(avdd_v)
        self._busy_s = 0.0
        self._time = FrameTime()
        self._reset(Watch())

    def _reset(self, watch: Watch) -> None:
        self._watch = watch
        self._registers = Registers()
        self._pll = Pll()
        self._references = References()
        self._wire = Wire()
        self._slips = (Slip(), Slip())
        self._shifts = (Shift(), Shift())
        self._pointer = 0
        self._drowsy = True
        self._link_words = np.zeros((2, 0))
        self._record.reset(self._registers)
        self._playback.reset(self._registers)
        self._derive()

    # the control port

    def write(self, address: int, data: bytes) -> None:
        """A register number and bytes for it and the following ones; the number alone sets the read pointer.

        With 0x1D bit 0 set, numbers and bytes alternate instead. OSError(EREMOTEIO) for another address, no byte at
        all, the first access in standby, and while the chip recovers from a reset.
        """
        resets = len(data) > 1 and data[0] == 0x1D and bool(data[1] & 0x80)
        self._acknowledge(address, f"a write of {len(data)} bytes", resets)
        if not data:
            raise OSError(errno.EREMOTEIO, f"0x{address:02X}: a write without a register number")
        self._pointer = data[0]
        if self._registers.on(0x1D, 0):
            pairs = list(zip(data[0::2], data[1::2], strict=False))
            self._pointer = data[-1] if len(data) % 2 else self._pointer
        else:
            pairs = [((data[0] + index) & 0xFF, value) for index, value in enumerate(data[1:])]
        for register, value in pairs:
            self._store(register, value)
            if self._busy_s:
                return

    def read(self, address: int, count: int) -> bytes:
        """`count` bytes from the pointer on. OSError(EREMOTEIO) as for a write."""
        self._acknowledge(address, f"a read of {count} bytes", False)
        if count < 1:
            raise OSError(errno.EREMOTEIO, f"0x{address:02X}: a read of {count} bytes")
        found = bytes(self._value((self._pointer + index) & 0xFF) for index in range(count))
        self._pointer = (self._pointer + count) & 0xFF
        return found

    def _acknowledge(self, address: int, what: str, resets: bool) -> None:
        if address != ADDRESS:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}")
        self._watch.accessed()
        if self._busy_s:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}: it recovers from a reset")
        if self._drowsy:
            self._drowsy = False
            if not resets:
                raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}: it was in standby")

    def _store(self, register: int, value: int) -> None:
        registers = self._registers
        if register == 0x1D and value & 0x80:
            self._reset(Watch(since_reset_s=0.0))
            self._busy_s = RESET_S
            return
        rises = register == 0x90 and value & 0x80 and not registers.on(0x90, 7)
        if rises and self._references.bias_s < LDO_WAIT_S - 1e-9:
            self._reset(Watch(since_reset_s=0.0))  # the supply dips
            self._watch.supply_dipped()
            self._busy_s = RESET_S
            return
        if register == 0xFD and registers.on(0xFD, 0) and not value & 1:
            self._drowsy = True
        if register == 0x2B:
            run = value & 0x10
            value &= 0xCF
            if run:
                self._record.calibration.start()
            else:
                if self._record.calibration.running:
                    self._watch.aborted()
                self._record.calibration.stop()
        sight = self._sight()
        running = sight.port and sight.audible
        old = registers.bits(register, 7, 0)
        registers.write(register, value)
        self._pll.assist(register, value)
        self._derive()
        self._watch.written(register, old, registers.bits(register, 7, 0), running, self._sight())

    def _value(self, register: int) -> int:
        calibration = self._record.calibration
        if register == 0x2B:
            self._calibrate(READ_S)
            return self._registers.read(0x2B) | calibration.overflow << 5 | calibration.running << 4
        if register not in STATUS:
            return self._registers.read(register)
        if register == 0x03:
            registers = self._registers
            bypassed = self._active and not registers.on(0x27, 7)
            mclk = self._active and self._mclk_hz > 0.0
            return self._pll.locked | self._pll.srm_locked << 1 | mclk << 2 | bypassed << 3
        if register in (0xA3, 0xA4, 0xA8, 0xA9):
            return calibration.read(register)
        if register == 0xAE:
            return self._record.level_byte(self._registers.bits(0xAD, 7, 0))
        return self._gain_code(register) if 0x04 <= register <= 0x10 else 0

    def _gain_code(self, register: int) -> int:
        """The code of the gain at this moment, ramps included; 0 in mute."""
        record, playback = self._record, self._playback
        mics = record.state(self._references.powered)["mic_gain_db"]
        assert isinstance(mics, list)
        levels: list[tuple[float | None, float, float]] = [
            *((gain.gain_db, -79.5, 1.5) for gain in record.aux_gains),
            *((gain_db, -6.0, 6.0) for gain_db in mics),
            *((gain.gain_db, -4.5, 1.5) for gain in record.mixin_gains),
            *((gain.gain_db, DIGITAL_FLOOR_DB, 0.75) for gain in record.adc_gains),
            *((gain.gain_db, DIGITAL_FLOOR_DB, 0.75) for gain in playback.dac_gains),
            (playback.amplifiers["HP_L"].gain_db, -57.0, 1.0),
            (playback.amplifiers["HP_R"].gain_db, -57.0, 1.0),
            (playback.amplifiers["LINE"].gain_db, -48.0, 1.0),
        ]
        gain_db, lowest_db, step_db = levels[register - 0x04]
        return 0 if gain_db is None else max(0, round((gain_db - lowest_db) / step_db))

    # time and signals

    def wait(self, seconds: float) -> None:
        """Time without frames: references move, the PLL locks, calibration and ramps go on."""
        self._time.waited()
        self._pass(seconds)

    @property
    def frame_rate_hz(self) -> float | None:
        """WCLK as clock provider; None as consumer, in standby or without a system clock."""
        return self._clocks.frame_rate_hz

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Volts on MICBIAS1 and MICBIAS2."""
        return self._references.mic_bias_v

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> volts at HP_L, HP_R and across LINE, float32[n] each."""
        n = len(frames)
        words = np.zeros((2, n))
        if self._linked:
            received = self._wire.to_codec(self._shifts[0].early(frames, self._offset), self._port)
            words = self._slips[0].apply(words_of(received), self._clocks.samples_per_frame)
            if self._mono:
                words = np.broadcast_to(words[:1], words.shape)
        self._link_words = words
        record = self._record
        if self._references.powered:
            adc = fitted(record.words, n)
            frame_s = 1.0 / self._clocks.link_rate_hz
            out = self._playback.play(
                words, adc, record.mixed_v, record.aux_v, self._ramp_db_s * frame_s, frame_s, self._converting
            )
        else:
            out = {pin: np.zeros(n) for pin in self._playback.driven}
        before = self._references.dc_error
        self._pass(self._time.played(n / self._clocks.link_rate_hz))
        if before:
            thump = np.linspace(before, self._references.dc_error, n) * self._avdd_v / 2.0
            for pin, driven in self._playback.driven.items():
                out[pin] = out[pin] + thump * driven
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at MIC1, MIC2, AUX_L and AUX_R, float32[n] each -> int32[n, 2].

        ValueError when lengths differ, no pin is given, or the chip has no such pin.
        """
        n = frames_at(volts, PINS)
        sight = self._sight()
        if self._references.powered:
            offset_v = self._references.dc_error * self._avdd_v / 2.0
            ramp_db = self._ramp_db_s / self._clocks.link_rate_hz
            words = self._record.capture(volts, n, offset_v, ramp_db, self._converting)
        else:
            words = self._record.silence(n)
        offered = (*words, *fitted(self._link_words, n))
        sent = np.stack([offered[source] for source in self._routing])
        samples_per_frame, drives = self._clocks.samples_per_frame, self._drives
        self._pass(self._time.captured(n / self._clocks.link_rate_hz))
        if not drives:
            return np.zeros((n, 2), np.int32)
        if n:
            self._watch.recorded(sight)
        sent = self._slips[1].apply(sent, samples_per_frame)
        if self._mono:
            sent = np.stack([sent[0], np.zeros(n)])
        frames = frames_of(sent)
        return self._shifts[1].late(self._wire.to_host(frames, self._port), self._offset)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed."""
        running, registers = self._clocks, self._registers
        record = self._record.state(self._references.powered)
        return {
            "active": self._active,
            "analogue_up": self._references.settled,
            "mic_bias_v": self.mic_bias_v,
            "capture_rate_hz": running.rate_hz,
            "playback_rate_hz": running.rate_hz,
            "pll_locked": self._pll.locked,
            "srm_locked": self._pll.srm_locked,
            "synchronous": running.synchronous,
            "gains_ramp": self._ramp_db_s > 0.0,
            **small_switches(registers),
            "ldo": registers.on(0x90, 7),
            "soft_mix": [registers.on(0x6E, 4), registers.on(0x6F, 4)],
            "mclk_squarer": registers.on(0x27, 4),
            "system_controller": [registers.bits(0x50, 7, 0), registers.bits(0x51, 7, 0)],
            "charge_pump": registers.on(0x47, 7),
            "interface": {
                "format": self._port.format,
                "word_bits": self._port.word_bits,
                "provider": running.provider,
                "enabled": registers.on(0x29, 7),
                "output_enabled": registers.on(0x29, 6),
                "tdm": registers.on(0x29, 5),
                "mono": registers.on(0x29, 4),
                "offset": self._offset,
                "sources": list(self._routing),
            },
            **record,
            **self._playback.state(self._references.powered),
            "loopback": self._playback.loopback or any(source > 1 for source in self._routing),
            "reserved": registers.misused() + self._mismatch(),
            "faults": self._watch.told(),
        }

    def _sight(self) -> Sight:
        return Sight(
            registers=self._registers,
            active=self._active,
            references=self._references,
            record=self._record,
            playback=self._playback,
            mclk_hz=self._mclk_hz,
            srm_locked=self._pll.srm_locked,
            mismatch=tuple(self._mismatch()),
        )

    def _mismatch(self) -> list[str]:
        """A rate claimed in SR that the clock does not make: heard, where it is heard, as a wrong pitch."""
        claimed_hz, made_hz = RATES_HZ.get(self._registers.bits(0x22, 3, 0)), self._clocks.rate_hz
        if not self._linked or not claimed_hz or not made_hz or abs(made_hz / claimed_hz - 1.0) < RATE_TOLERANCE:
            return []
        return [f"0x22: SR says {claimed_hz:g} Hz, and the system clock makes {made_hz:g} Hz"]

    # what follows from the registers

    def _pass(self, seconds: float) -> None:
        self._busy_s = max(0.0, self._busy_s - seconds)
        self._busy_s = 0.0 if self._busy_s < 1e-9 else self._busy_s
        self._watch.passed(seconds, self._sight())
        self._references.wait(seconds)
        self._record.wait(seconds, self._ramp_db_s)
        self._playback.wait(seconds, self._ramp_db_s)
        self._calibrate(seconds)
        if self._pll.wait(seconds):
            self._derive()
            self._watch.clocked(self._sight())

    def _calibrate(self, seconds: float) -> None:
        if self._record.calibration.wait(seconds):
            clocked = self._converting and self._references.settled
            self._watch.calibrated(self._sight(), clocked)
            self._record.calibrate(clocked)
            self._derive()

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        self._active = registers.on(0xFD, 0)
        self._pll.set(registers, self._mclk_hz, self._host_rate_hz, self._active)
        self._references.set(registers, self._active, self._avdd_v)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._pll, self._active, self._host_rate_hz)
        word_format = FORMATS[registers.bits(0x29, 1, 0)]
        self._mono = registers.on(0x29, 4)
        self._linked = (
            self._active and registers.on(0x29, 7) and self._clocks.framed and (not self._mono or word_format == "dsp")
        )
        self._converting = self._active and self._clocks.rate_hz is not None
        self._drives = self._linked and registers.on(0x29, 6)
        self._offset = registers.bits(0x98, 7, 0)
        self._routing = (registers.bits(0x21, 1, 0), registers.bits(0x21, 5, 4))
        self._port = Port(
            format=word_format,
            word_bits=WORD_BITS[registers.bits(0x29, 3, 2)],
            lrclk_inverted=registers.on(0x28, 3),
            bclk_inverted=registers.on(0x28, 2),
            frame_bclk=self._clocks.frame_bclk,
        )
        # Ramps count on the parameter counter, which runs by itself or on the port's WCLK.
        counts = self._active and (registers.on(0x94, 0) or self._linked)
        self._ramp_db_s = RAMP_RATES_DB_S[registers.bits(0x92, 1, 0)] if counts else 0.0
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers, self._clocks)


class Slip:
    """A converter that does not hang on the link's clock: words repeat, or come a frame late."""

    def __init__(self) -> None:
        self._frames = 0
        self._history = np.zeros((2, SLIP_FRAMES))

    def apply(self, words: NDArray[np.float64], samples_per_frame: float) -> NDArray[np.float64]:
        """float64[2, n] as if every word were there in time -> as they are there."""
        if samples_per_frame == 1.0:
            return words
        n = words.shape[1]
        at = np.arange(self._frames, self._frames + n)
        taken = np.floor(np.floor(at * samples_per_frame + 1e-9) / samples_per_frame + 1e-9).astype(np.int64)
        joined = np.concatenate((self._history, words), axis=1)
        self._history = joined[:, -SLIP_FRAMES:].copy()
        slipped: NDArray[np.float64] = joined[:, np.maximum(taken - self._frames, -SLIP_FRAMES) + SLIP_FRAMES]
        self._frames += n
        return slipped


class Shift:
    """DAI_OFFSET: every word lies so many BCLK later in the frame of 64 than the format says."""

    def __init__(self) -> None:
        self._last = np.zeros(1, np.uint64)

    def early(self, frames: Frames, offset: int) -> Frames:
        """What the host sent, as the port sees it; a frame late, so that it can look ahead."""
        return self._move(frames, offset, True)

    def late(self, frames: Frames, offset: int) -> Frames:
        """What the port sends, as the host sees it."""
        return self._move(frames, offset, False)

    def _move(self, frames: Frames, offset: int, early: bool) -> Frames:
        if not offset:
            return frames
        if offset >= 64:
            return np.zeros_like(frames)
        words = np.ascontiguousarray(frames).view(np.uint32).astype(np.uint64)
        stream = (words[:, 0] << np.uint64(32)) | words[:, 1]
        before = np.concatenate((self._last, stream[:-1]))
        self._last = stream[-1:].copy()
        left, right = np.uint64(offset if early else 64 - offset), np.uint64(64 - offset if early else offset)
        moved = (before << left) | (stream >> right)
        halves = np.stack((moved >> np.uint64(32), moved & np.uint64(0xFFFFFFFF)), axis=1)
        return np.ascontiguousarray(halves.astype(np.uint32)).view(np.int32)
