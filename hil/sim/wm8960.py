"""The WM8960 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

Not a table of fields: registers exist here only to decide what the blocks do. Thermal protection, GPIO, jack
detection, companding and the third output's mixer are left out. Time passes with frames, or by `wait`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from hil.sim.chip import Frames, Volts
from hil.sim.frames import FrameTime, fitted, frames_at, frames_of, words_of
from hil.sim.i2s import Port, Wire
from hil.sim.wm8960_clocks import Clocks, Pll, Vmid, clocks
from hil.sim.wm8960_faults import START_UP, Faults, Write, capturing, playing
from hil.sim.wm8960_input import RecordPath
from hil.sim.wm8960_output import PlaybackPath
from hil.sim.wm8960_registers import Registers

ADDRESS = 0x1A
RESET_REGISTER = 0x0F
FORMATS = ("right_justified", "left_justified", "i2s", "dsp")
WORD_BITS = (16, 20, 24, 32)
VMID_DIVIDERS = ("off", "2x50k", "2x250k", "2x5k")
DISCHARGE_OHM = (400.0, 200.0, 600.0, 150.0)
BIAS = (None, "2.7 V", None, "3.3 V")
MIC_BIAS_RATIO = (0.9, 0.65)


class Wm8960:
    """One chip on a bench. After power-up it is silent until told otherwise, and it cannot be read.

    mclk_hz: frequency on the MCLK pin, 0 for none. avdd_v: analogue supply. seed: of the input noise.
    """

    def __init__(self, mclk_hz: float = 24_000_000.0, avdd_v: float = 3.3, seed: int = 8960) -> None:
        self._mclk_hz = mclk_hz
        self._avdd_v = avdd_v
        self._registers = Registers()
        self._pll = Pll()
        self._vmid = Vmid()
        self._wire = Wire()
        self._record = RecordPath(avdd_v, seed)
        self._playback = PlaybackPath(avdd_v)
        self._faults = Faults()
        self._time = FrameTime()
        self._derive()

    def write(self, address: int, data: bytes) -> None:
        """A register write. OSError(EREMOTEIO) for another address or anything but two bytes."""
        if address != ADDRESS or len(data) != 2:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {len(data)} bytes")
        register, value = data[0] >> 1, (data[0] & 1) << 8 | data[1]
        was = self._registers.copy()
        if register == RESET_REGISTER:
            self._registers = Registers()
            self._faults = Faults()
            self._record.reset(self._registers)
            self._playback.reset(self._registers)
            updated: tuple[int, ...] = ()
        else:
            updated = self._registers.write(register, value)
        self._derive()
        if register != RESET_REGISTER:
            level, steady_s = self._vmid.level, self._pll.steady_s
            self._faults.written(Write(register, value, was, self._registers, self._clocks, level, steady_s))
        if 0x00 in updated:
            self._record.set_pga(self._registers)
        elif updated and updated[0] in (0x02, 0x28):
            self._playback.set_amplifiers(self._registers, updated[0])

    def read(self, address: int, count: int) -> bytes:
        """Always refused: the chip has no read."""
        raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for a read of {count} bytes")

    def wait(self, seconds: float) -> None:
        """Time without frames: VMID moves, the PLL locks, zero-cross time-outs run."""
        self._time.waited()
        self._pass(seconds)

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as clock provider; None as consumer or without SYSCLK."""
        return self._clocks.frame_rate_hz

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Volts on MICBIAS: 0.9 or 0.65 AVDD, in proportion to how far VMID has charged."""
        on = self._vmid.powered and self._registers.on(0x19, 1)
        ratio = MIC_BIAS_RATIO[self._registers.on(0x30, 0)]
        return {"MICBIAS": ratio * self._avdd_v * self._vmid.level if on else 0.0}

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> volts at HP_L, HP_R and across SPK_L, SPK_R, float32[n] each."""
        n = len(frames)
        self._faults.tell(playing(self._registers, self._clocks))
        if self._vmid.powered:
            looped = self._playback.loopback
            words = fitted(self._record.words, n) if looped else words_of(self._wire.to_codec(frames, self._port))
            out = self._playback.play(words, self._record.boosted_v, self._record.line3_v, self._clocks.converting)
        else:
            out = {pin: np.zeros(n) for pin in ("HP_L", "HP_R", "SPK_L", "SPK_R")}
        before = self._vmid.dc_error
        self._pass(self._time.played(n / self._clocks.link_rate_hz))
        if before:
            thump = np.linspace(before, self._vmid.dc_error, n) * self._avdd_v / 2.0
            for pin, path in zip(("HP_L", "HP_R"), self._playback.sides, strict=True):
                if path.headphone_on:
                    out[pin] += thump
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at LINPUT1..3 and RINPUT1..3, float32[n] each -> int32[n, 2].

        ValueError when lengths differ or no pin is given.
        """
        n = frames_at(volts)
        self._faults.tell(capturing(self._registers, self._clocks))
        if self._vmid.powered and self._clocks.converting:
            words = self._record.capture(volts, n, self._vmid.dc_error * self._avdd_v / 2.0)
        else:
            words = self._record.silence(n)
        frames = frames_of(words)
        self._pass(self._time.captured(n / self._clocks.link_rate_hz))
        return self._wire.to_host(frames, self._port)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed."""
        running = self._clocks
        return {
            "analogue_up": self._vmid.settled,
            "mic_bias_v": self.mic_bias_v,
            "capture_rate_hz": running.adc_rate_hz,
            "playback_rate_hz": running.dac_rate_hz,
            "interface": {
                "format": self._port.format,
                "word_bits": self._port.word_bits,
                "provider": running.provider,
            },
            **self._record.state(),
            **self._playback.state(),
            **self._upkeep(),
            "reserved": self._registers.reserved(),
            "faults": self._faults.told(),
        }

    def _upkeep(self) -> dict[str, object]:
        """Of `state`: what supports the sound without carrying it."""
        registers, timeout_s = self._registers, self._clocks.zero_cross_timeout_s
        return {
            "frame_clocks": {"DACLRC": self.frame_rate_hz is not None, "ADCLRC": self._clocks.adc_frame_clock_on},
            "vmid_divider": VMID_DIVIDERS[registers.bits(0x19, 8, 7)],
            "anti_pop": [name for bit, name in START_UP.items() if registers.on(0x1C, bit)],
            "headphone_discharge_ohm": DISCHARGE_OHM[registers.bits(0x1D, 5, 4)] if registers.on(0x1D, 6) else None,
            "idle_output_ohm": 20_000.0 if registers.on(0x1B, 6) else 500.0,
            "zero_cross_timeout_ms": timeout_s * 1000.0 if timeout_s else None,
            "class_d_hz": self._clocks.class_d_hz,
            "thermal_shutdown": registers.on(0x17, 8) and registers.on(0x30, 1),
            "bias": BIAS[registers.bits(0x17, 7, 6)],
        }

    def _pass(self, seconds: float) -> None:
        self._faults.waited(seconds, self._registers)
        self._vmid.wait(seconds)
        self._record.wait(seconds, self._clocks.zero_cross_timeout_s)
        self._playback.wait(seconds, self._clocks.zero_cross_timeout_s)
        if self._pll.wait(seconds):
            self._derive()

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        self._pll.set(registers)
        self._vmid.set(registers)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._pll.locked)
        self._port = Port(
            format=FORMATS[registers.bits(0x07, 1, 0)],
            word_bits=WORD_BITS[registers.bits(0x07, 3, 2)],
            lrclk_inverted=registers.on(0x07, 4),
            bclk_inverted=registers.on(0x07, 7),
            swap_play=registers.on(0x07, 5),
            swap_capture=registers.on(0x07, 8),
            frame_bclk=self._clocks.frame_bclk,
        )
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers, self._clocks)
