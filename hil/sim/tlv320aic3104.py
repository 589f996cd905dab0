"""The TLV320AIC3104 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

Not a table of fields: registers exist here only to decide what the blocks do. The RESET pin has been pulsed after
power-up, as it must be. Left out: jack and button detection, GPIO, short-circuit detection and its flags,
TDM high impedance, re-sync. Time passes with frames, or by `wait`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from hil.sim.chip import Frames, Volts
from hil.sim.frames import FrameTime, frames_at, frames_of, words_of
from hil.sim.i2s import Port, Wire
from hil.sim.tlv320aic3104_clocks import HOST_BCLK, WORD_BITS, Clocks, Pll, Reference, clocks
from hil.sim.tlv320aic3104_faults import Sight, Watch
from hil.sim.tlv320aic3104_input import PGA, PINS, RecordPath
from hil.sim.tlv320aic3104_output import LINE, OUTPUTS, PlaybackPath
from hil.sim.tlv320aic3104_registers import SOFT_RESET, Registers

ADDRESS = 0x18
FORMATS = ("i2s", "dsp", "right_justified", "left_justified")
MIC_BIAS_V = (0.0, 2.0, 2.5)  # and AVDD
OVERFLOWS, STICKY, NOW = 0x0B, 0x60, 0x61


class Tlv320aic3104:
    """One chip on a bench. Out of reset it has no clock, nothing is routed, and everything is muted or off.

    mclk_hz: frequency on the MCLK pin, 0 for none. avdd_v: analogue supply. seed: of the input noise.
    host_rate_hz: LRCLK where the host provides it, with 64 BCLK a frame.
    """

    def __init__(
        self,
        mclk_hz: float = 24_576_000.0,
        avdd_v: float = 3.3,
        seed: int = 3104,
        host_rate_hz: float = 48_000.0,
    ) -> None:
        self._mclk_hz = mclk_hz
        self._avdd_v = avdd_v
        self._host_rate_hz = host_rate_hz
        self._pointer = 0
        self._registers = Registers()
        self._pll = Pll()
        self._reference = Reference()
        self._watch = Watch()
        self._wire = Wire()
        self._record = RecordPath(seed)
        self._playback = PlaybackPath(avdd_v)
        self._time = FrameTime()
        self._derive()

    def write(self, address: int, data: bytes) -> None:
        """Register number, then any number of bytes for it and its successors. OSError(EREMOTEIO) elsewhere."""
        self._answer(address, f"{len(data)} bytes")
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:
            self._write_register(self._pointer, value)
            self._pointer = (self._pointer + 1) & 0xFF

    def read(self, address: int, count: int) -> bytes:
        """Registers from where the last write left off. OSError(EREMOTEIO) for another address."""
        self._answer(address, f"a read of {count} bytes")
        values = []
        for _ in range(count):
            values.append(self._read_register(self._pointer))
            self._pointer = (self._pointer + 1) & 0xFF
        return bytes(values)

    def wait(self, seconds: float) -> None:
        """Time without frames: the reference charges, the PLL locks, volumes step on."""
        self._time.waited()
        before_lock_s = min(self._pll.locks_in_s, seconds)  # volumes step only from then on
        for part_s in (before_lock_s, seconds - before_lock_s):
            self._record.wait(part_s)
            self._playback.idle(part_s)
            self._pass(part_s)

    @property
    def frame_rate_hz(self) -> float | None:
        """WCLK as clock provider; None as consumer or without a clock."""
        return None if self._clocks.mixed else self._clocks.frame_rate_hz

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Volts on MICBIAS: off, 2.0, 2.5 or AVDD, at once."""
        code = self._registers.bits(0x19, 7, 6)
        return {"MICBIAS": min((*MIC_BIAS_V, self._avdd_v)[code], self._avdd_v)}

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> float32[n] volts at the four headphone pins and across both line outputs."""
        n = len(frames)
        words = words_of(self._wire.to_codec(self._offset(frames, 1), self._port))
        out = self._playback.play(words, self._record.pga_v, self._clocks.linked)
        before = self._reference.dc_error
        self._pass(self._time.played(n / self._clocks.link_rate_hz))
        if before:
            thump = np.linspace(before, self._reference.dc_error, n) * self._playback.common_mode_v
            for pin in OUTPUTS:
                if pin not in LINE and self._playback.live(pin):  # a line output's two pins move together
                    out[pin] = out[pin] - thump
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at MIC1LP, MIC1RP, MIC2L, MIC2R, float32[n] each -> int32[n, 2].

        ValueError for an unknown pin, when lengths differ or when no pin is given.
        """
        n = frames_at(volts, PINS)
        if n:
            self._watch.recorded(self._sight())
        words = self._record.capture(volts, n, -self._reference.dc_error, self._clocks.linked)
        frames = frames_of(words)
        self._pass(self._time.captured(n / self._clocks.link_rate_hz))
        return self._offset(self._wire.to_host(frames, self._port), -1)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed."""
        running = self._clocks
        return {
            "analogue_up": self._reference.settled,
            "mic_bias_v": self.mic_bias_v,
            "capture_rate_hz": running.adc_rate_hz,
            "playback_rate_hz": running.dac_rate_hz,
            "fsref_hz": running.fsref_hz,
            "linked": running.linked,
            "interface": {
                "format": self._port.format,
                "word_bits": self._port.word_bits,
                "provider": running.provider,
            },
            "page": self._registers.page,
            "reserved": self._registers.broken(),
            "faults": self._watch.told(),
            "clocks_kept": self._registers.on(0x08, 4),
            "dout_released": self._registers.on(0x08, 5),
            "short_circuit_protection": self._registers.on(0x26, 2),
            "short_circuit_action": ("limits", "powers_down")[self._registers.on(0x26, 1)],
            **self._record.state(),
            **self._playback.state(),
        }

    def _sight(self) -> Sight:
        return Sight(
            registers=self._registers,
            clocks=self._clocks,
            pll=self._pll,
            reference=self._reference,
            record=self._record,
            mclk_hz=self._mclk_hz,
            host_rate_hz=self._host_rate_hz,
        )

    def _answer(self, address: int, what: str) -> None:
        if address != ADDRESS:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}")

    def _write_register(self, register: int, value: int) -> None:
        if self._registers.page == 0 and register == SOFT_RESET and value & 0x80:
            self._registers = Registers()
            self._reference = Reference()
            self._watch = Watch()
            self._record.reset(self._registers)
            self._playback.reset(self._registers)
        else:
            sight = self._sight()
            before = (sight.audible, self._record.agc_drives)
            old = self._registers.bits(register & 0x7F, 7, 0)
            page, register = self._registers.write(register, value)
            self._derive()
            if page == 0 and 0 < register < 0x80:
                new = self._registers.bits(register, 7, 0)
                self._watch.written(register, old, new, before, self._sight())
            if page == 0 and register in PGA:
                self._record.set_pga(self._registers, PGA.index(register))
            return
        self._derive()

    def _read_register(self, register: int) -> int:
        stored = self._registers.read(register)
        if self._registers.page != 0 or register == 0:
            return stored
        return self._status(register, stored)

    def _status(self, register: int, stored: int) -> int:
        """Bits the chip writes itself."""
        record, playback = self._record, self._playback
        if register in (0x20, 0x21):
            return record.gain_status(register - 0x20)
        if register == 0x24:
            return _bits(*(bit for side in (0, 1) for bit in self._adc_flags(side)))
        if register == OVERFLOWS:
            return _bits(*record.take_overflows(), *playback.take_overflows()) & 0xF0 | stored & 0x0F
        if register == 0x5E:
            line = [playback.live(pin) for pin in LINE]
            return _bits(*playback.dac_powered, False, *line, playback.live("HPLOUT"), playback.live("HPROUT"))
        if register == 0x5F:
            return _bits(*[False] * 4, playback.live("HPLCOM"), playback.live("HPRCOM"))
        if register in (STICKY, NOW):
            noise = record.take_noise_flags() if register == STICKY else record.below_noise
            return _bits(*[False] * 6, *noise)
        for pin, first in OUTPUTS.items():
            if register == first + 6:
                return stored & ~0x02 | playback.applied(pin) << 1
        return stored

    def _adc_flags(self, side: int) -> tuple[bool, bool, bool, bool]:
        on = self._record.channels[side].adc_on
        same = on and self._record.applied(self._registers, side)
        return same, on, self._record.below_noise[side], self._record.saturated(side)

    def _pass(self, seconds: float) -> None:
        self._watch.passed(seconds, self._sight())
        self._reference.wait(seconds)
        self._playback.wait(seconds)
        if self._pll.wait(seconds):
            self._derive()

    def _offset(self, frames: Frames, direction: int) -> Frames:
        """Register 0x0A: the codec's words begin so many BCLK later; to the codec the frame moves earlier."""
        bits = self._registers.bits(0x0A, 7, 0)
        if not bits:
            return frames
        if bits >= HOST_BCLK:
            return np.zeros_like(frames)
        words = np.ascontiguousarray(frames).view(np.uint32).astype(np.uint64)
        stream = words[:, 0] << np.uint64(32) | words[:, 1]
        stream = stream << np.uint64(bits) if direction > 0 else stream >> np.uint64(bits)
        halves = np.stack((stream >> np.uint64(32), stream & np.uint64(0xFFFFFFFF)), axis=1)
        return halves.astype(np.uint32).view(np.int32)

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        self._pll.set(registers, self._mclk_hz, self._host_rate_hz)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._host_rate_hz, self._pll.locked)
        form = FORMATS[registers.bits(0x09, 7, 6)]
        dsp = form == "dsp"  # MSB right at WCLK's edge, valid where BCLK falls
        self._port = Port(
            format=form,
            word_bits=WORD_BITS[registers.bits(0x09, 5, 4)],
            lrclk_inverted=dsp,
            bclk_inverted=dsp,
            frame_bclk=self._clocks.frame_bclk,
        )
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers, self._clocks)


def _bits(*flags: bool) -> int:
    """Flags from bit 7 down."""
    return sum(flag << (7 - index) for index, flag in enumerate(flags))
