"""The WM8731 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

After power-up everything is off but the oscillator, the microphone and the DAC are muted, and of the output mixer's
switches it is the bypass that is closed. Bits of the power-down register switch a block off when they are 1. Neither
converter runs before ACTIVE, while the analogue ways from inputs to outputs do. Left out: the SPI control port, the
oscillator's start, and pops when blocks are switched (but not those of a reference that has not charged).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from hil.sim.chip import Frames, Volts
from hil.sim.frames import FrameTime, frames_at, frames_of, words_of
from hil.sim.wm8731_clocks import Clocks, Vmid, clocks
from hil.sim.wm8731_faults import Faults, Write, flowing
from hil.sim.wm8731_input import LINES, MICROPHONE, RecordPath
from hil.sim.wm8731_output import OUTPUT_PINS, PlaybackPath
from hil.sim.wm8731_registers import RESET_REGISTER, Registers
from hil.sim.wm8731_wire import Interface

ADDRESSES = (0x1A, 0x1B)  # CSB low, high
INPUT_PINS = (*LINES, MICROPHONE)
HEADPHONE_REGISTERS = (0x02, 0x03)
INTERFACE_REGISTERS = (0x07, 0x08)
MIC_BIAS_RATIO = 0.75


class Wm8731:
    """One chip on a bench. It cannot be read.

    mclk_hz: the crystal's frequency, or with crystal=False that of a clock driven into the MCLK pin, which OSCPD
    does not stop; 0 for none. avdd_v: analogue supply. seed: of the input noise. address: 0x1A or 0x1B, by CSB.
    host_rate_hz: LRCLK while the chip is clock consumer. mic_series_ohm: what the board has between microphone and
    MICIN besides a capacitor; the voltage at MICIN is the one in front of it.
    """

    def __init__(
        self,
        mclk_hz: float = 12_000_000.0,
        avdd_v: float = 3.3,
        seed: int = 8731,
        address: int = 0x1A,
        host_rate_hz: float = 48_000.0,
        crystal: bool = True,
        mic_series_ohm: float = 0.0,
    ) -> None:
        if address not in ADDRESSES:
            raise ValueError(f"a WM8731 answers at 0x1A or 0x1B, not 0x{address:02X}")
        self._address = address
        self._mclk_hz, self._crystal, self._host_rate_hz = mclk_hz, crystal, host_rate_hz
        self._avdd_v = avdd_v
        self._registers = Registers()
        self._vmid = Vmid()
        self._interface = Interface()
        self._record = RecordPath(avdd_v, mic_series_ohm, seed)
        self._playback = PlaybackPath(avdd_v)
        self._faults = Faults()
        self._time = FrameTime()
        self._derive()

    def write(self, address: int, data: bytes) -> None:
        """A register write. OSError(EREMOTEIO) for another address or anything but two bytes."""
        if address != self._address or len(data) != 2:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {len(data)} bytes")
        register, value = data[0] >> 1, (data[0] & 1) << 8 | data[1]
        if register == RESET_REGISTER and value == 0:
            self._reset()
            return
        was = self._registers.copy()
        before = [self._registers.bits(index, 8, 0) for index in INTERFACE_REGISTERS]
        loaded = self._registers.write(register, value)
        after = [self._registers.bits(index, 8, 0) for index in INTERFACE_REGISTERS]
        if before != after and self._registers.on(0x09, 0):
            self._interface.interrupt()
        self._derive()
        settled, now = self._vmid.settled, self._registers
        self._faults.written(Write(register, value, was, now, self._clocks, settled, self._crystal))
        for index in loaded:
            if index in HEADPHONE_REGISTERS:
                self._playback.set_headphone(self._registers, index - HEADPHONE_REGISTERS[0])

    def read(self, address: int, count: int) -> bytes:
        """Always refused: the chip has no read."""
        raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for a read of {count} bytes")

    def wait(self, seconds: float) -> None:
        """Time without frames: VMID moves."""
        self._time.waited()
        self._vmid.wait(seconds)

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as clock provider; None as consumer, while not ACTIVE and without a clock."""
        return self._clocks.frame_rate_hz

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Three quarters of AVDD in proportion to how far VMID has charged; it shares its bit with the amplifier."""
        on = self._registers.powered(1)
        return {"MICBIAS": MIC_BIAS_RATIO * self._avdd_v * self._vmid.level if on else 0.0}

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> volts at LHPOUT, RHPOUT, LOUT and ROUT, float32[n] each."""
        n = len(frames)
        self._faults.tell(flowing(self._registers, self._clocks))
        before = self._vmid.dc_error
        self._vmid.wait(self._time.played(n / self._clocks.link_rate_hz))
        if not self._vmid.powered:
            return {pin: np.zeros(n, np.float32) for pin in OUTPUT_PINS}
        words = words_of(self._interface.to_codec(frames))
        thump = np.linspace(before, self._vmid.dc_error, n) * self._avdd_v / 2.0
        out = self._playback.play(words, self._record.line_v, self._record.microphone_v, thump)
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at LLINEIN, RLINEIN and MICIN, float32[n] each, 0 V where none are given -> int32[n, 2].

        ValueError for a pin that is no input, when lengths differ or no pin is given.
        """
        n = frames_at(volts, INPUT_PINS)
        self._faults.tell(flowing(self._registers, self._clocks))
        if self._vmid.powered:
            words = self._record.capture(volts, n, self._vmid.dc_error * self._avdd_v / 2.0)
        else:
            words = self._record.silence(n)
        frames = frames_of(words)
        self._vmid.wait(self._time.captured(n / self._clocks.link_rate_hz))
        return self._interface.to_host(frames)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed."""
        running, port = self._clocks, self._interface.port
        mixer, inputs = self._playback.mixer, self._record.inputs
        bypass = bool(mixer.bypass) and inputs.line_powered
        microphone = bool(mixer.sidetone) and inputs.mic_powered
        return {
            "analogue_up": self._vmid.settled,
            "mic_bias_v": self.mic_bias_v,
            "capture_rate_hz": running.adc_rate_hz,
            "playback_rate_hz": running.dac_rate_hz,
            "clkout_hz": running.clkout_hz,
            "interface": {"format": port.format, "word_bits": port.word_bits, "provider": running.provider},
            "frame_bclk": port.frame_bclk,
            "in_step": self._interface.in_step,
            **self._record.state(),
            **self._playback.state(),
            "sidetone": mixer.powered and (bypass or microphone),
            "reserved": self._registers.reserved(),
            "faults": self._faults.told(),
        }

    def _reset(self) -> None:
        self._registers = Registers()
        self._faults = Faults()
        self._interface = Interface()
        self._record.reset(self._registers)
        self._playback.reset(self._registers)
        self._derive()

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        self._vmid.set(registers)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._crystal, self._host_rate_hz)
        self._interface.set(registers, self._clocks)
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers, self._clocks)
