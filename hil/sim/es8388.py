"""The ES8388 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

Not a table of fields: registers exist here only to decide what the blocks do. The mono output and OUT3 of the larger
ES8328, thermal and over-current protection, the power sequencer and low-power bits are left out. Time passes with
frames, or by `wait`. The host provides 64 BCLK a frame at a rate the chip is told of; with the chip as provider it
is the chip's.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from hil.sim.chip import Frames, Volts
from hil.sim.es8388_clocks import Clocks, Vmid, clocks
from hil.sim.es8388_faults import Faults, Write, capturing, playing
from hil.sim.es8388_input import PINS as INPUTS
from hil.sim.es8388_input import RecordPath
from hil.sim.es8388_output import PINS as OUTPUTS
from hil.sim.es8388_output import PlaybackPath
from hil.sim.es8388_registers import CHIP_CONTROL as RESET_REGISTER
from hil.sim.es8388_registers import SOFT_RESET, Registers
from hil.sim.frames import FrameTime, frames_at, frames_of, words_of
from hil.sim.i2s import Port, Wire

ADDRESSES = (0x10, 0x11)  # CE low, CE high
MICROPHONE_GAIN = 0x09
FORMATS = ("i2s", "left_justified", "right_justified", "dsp")
WORD_BITS = (24, 20, 18, 16, 32, 0, 0, 0)  # the codes that name nothing carry nothing
VMID_DIVIDERS = ("off", "50k", "500k", "5k")
LOW_POWER = ((0x01, 5, "VCM"), (0x01, 4, "VREFBUF"), (0x01, 1, "VREF"), (0x03, 1, "flash"), (0x03, 0, "int1"))
MIC_BIAS_RATIO = 0.9  # of AVDD; in no public text for this chip (U)


class Es8388:
    """One chip on a bench. After power-up it is unpowered, unrouted and at -96 dB until told otherwise.

    mclk_hz: frequency on the MCLK pin, 0 for none. avdd_v: analogue supply. seed: of the input noise. address: 0x10
    or 0x11, as the CE pin says. host_rate_hz: LRCK the host makes while the chip is a consumer.
    """

    def __init__(
        self,
        mclk_hz: float = 12_288_000.0,
        avdd_v: float = 3.3,
        seed: int = 8388,
        address: int = 0x10,
        host_rate_hz: float = 48_000.0,
    ) -> None:
        if address not in ADDRESSES:
            raise ValueError(f"an ES8388 answers at 0x10 or 0x11, not at 0x{address:02X}")
        self._mclk_hz = mclk_hz
        self._avdd_v = avdd_v
        self._address = address
        self._host_rate_hz = host_rate_hz
        self._registers = Registers()
        self._pointer = 0
        self._vmid = Vmid()
        self._adc_wire, self._dac_wire = Wire(), Wire()
        self._record = RecordPath(avdd_v, seed)
        self._playback = PlaybackPath(avdd_v)
        self._faults = Faults()
        self._time = FrameTime()
        self._derive()

    def write(self, address: int, data: bytes) -> None:
        """A register write, or one byte that names the register to read.

        OSError(EREMOTEIO) for another address, and for more than one register at a time.
        """
        if address != self._address or len(data) not in (1, 2):
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {len(data)} bytes")
        self._pointer = data[0]
        if len(data) == 1:
            return
        was = self._registers.copy()
        self._registers.write(data[0], data[1])
        if self._registers.held_in_reset:
            if not was.held_in_reset:
                self._faults = Faults()
            self._record.reset(self._registers)
            self._playback.reset(self._registers)
        self._derive()
        if data[0] != RESET_REGISTER or not data[1] & SOFT_RESET:
            level, powered = self._vmid.level, self._vmid.powered
            self._faults.written(Write(data[0], data[1], was, self._registers, self._clocks, level, powered))
        if data[0] == MICROPHONE_GAIN:
            self._record.set_pga(self._registers)

    def read(self, address: int, count: int) -> bytes:
        """The one register last named by a write. OSError(EREMOTEIO) for another address or more than one byte."""
        if address != self._address or count != 1:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for a read of {count} bytes")
        return bytes((self._registers.read(self._pointer),))

    def wait(self, seconds: float) -> None:
        """Time without frames: VMID moves, digital volumes walk, zero-cross time-outs run."""
        self._time.waited()
        self._pass(seconds)
        self._record.fade(seconds)
        self._playback.fade(seconds)

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCK as clock provider; None as consumer or when it stands still."""
        return self._clocks.frame_rate_hz

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Volts on MICBIAS: needs its own bit, the ADC bias generator and VMID."""
        registers = self._registers
        on = self._vmid.powered and registers.off(0x03, 3) and registers.off(0x03, 2)
        return {"MICBIAS": MIC_BIAS_RATIO * self._avdd_v * self._vmid.level if on else 0.0}

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> volts at LOUT1, ROUT1, LOUT2, ROUT2, float32[n] each."""
        n = len(frames)
        self._faults.tell(playing(self._registers, self._clocks, self._mclk_hz))
        before = self._vmid.dc_error
        period_s = n / self._clocks.link_rate_hz
        self._faults.flowed(period_s, self._registers)
        self._pass(self._time.played(period_s))
        if not self._vmid.powered:
            return {pin: np.zeros(n, np.float32) for pin in OUTPUTS}
        words = words_of(self._dac_wire.to_codec(frames, self._dac_port))
        thump = np.linspace(before, self._vmid.dc_error, n) * self._avdd_v / 2.0
        out = self._playback.play(words, self._record.pga_v, self._record.pins_v, thump)
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at LIN1, RIN1, LIN2, RIN2, float32[n] each -> int32[n, 2].

        ValueError for other pins, when lengths differ or no pin is given.
        """
        n = frames_at(volts, INPUTS)
        self._faults.tell(capturing(self._registers, self._clocks, self._mclk_hz))
        if self._vmid.powered:
            words = self._record.capture(volts, n, self._vmid.dc_error * self._avdd_v / 2.0)
        else:
            words = self._record.silence(n)
        frames = frames_of(words)
        period_s = n / self._clocks.link_rate_hz
        self._faults.flowed(period_s, self._registers)
        self._pass(self._time.captured(period_s))
        return self._adc_wire.to_host(frames, self._adc_port)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed.

        Digital volumes are those set, though the chip may still be walking there. "stale": registers that wait for
        a restart of the state machines.
        """
        running, powered = self._clocks, self._vmid.powered
        ports = {"capture": self._adc_port, "playback": self._dac_port}
        formats = {port.format for port in ports.values()}
        recording = self._record.state()
        if not powered:
            recording.update({"input_gain_db": [None, None], "adc_gain_db": [None, None]})
        return {
            "analogue_up": self._vmid.settled,
            "mic_bias_v": self.mic_bias_v,
            "capture_rate_hz": running.adc_rate_hz,
            "playback_rate_hz": running.dac_rate_hz,
            "interface": {
                "format": formats.pop() if len(formats) == 1 else "mixed",
                "word_bits": min(port.word_bits for port in ports.values()),
                "provider": running.provider,
            },
            "ports": {name: {"format": port.format, "word_bits": port.word_bits} for name, port in ports.items()},
            **recording,
            **self._playback.state(powered),
            **self._upkeep(),
            "reserved": self._registers.reserved(),
            "faults": self._faults.told(),
            "stale": self._registers.stale,
        }

    def _upkeep(self) -> dict[str, object]:
        """Of `state`: what supports the sound without carrying it."""
        registers = self._registers
        return {
            "vmid_divider": VMID_DIVIDERS[registers.bits(0x00, 1, 0)],
            "thermal_shutdown": registers.on(0x01, 7),
            "overcurrent_shutdown": registers.on(0x01, 6),
            "low_power": [name for register, bit, name in LOW_POWER if registers.on(register, bit)],
            "dac_zero_cross": registers.on(0x19, 4),
            "dac_click_free": registers.on(0x1C, 3),
            "dac_double_speed": registers.on(0x18, 5),
        }

    def _pass(self, seconds: float) -> None:
        self._vmid.wait(seconds)
        self._record.wait(seconds)

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        self._vmid.set(registers)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._host_rate_hz)
        self._adc_port = Port(
            format=FORMATS[registers.bits(0x0C, 1, 0)],
            word_bits=WORD_BITS[registers.bits(0x0C, 4, 2)],
            lrclk_inverted=registers.on(0x0C, 5),
            bclk_inverted=registers.on(0x08, 5),
            frame_bclk=self._clocks.frame_bclk,
        )
        self._dac_port = Port(
            format=FORMATS[registers.bits(0x17, 2, 1)],
            word_bits=WORD_BITS[registers.bits(0x17, 5, 3)],
            lrclk_inverted=registers.on(0x17, 6),
            bclk_inverted=registers.on(0x08, 5),
            swap_play=registers.on(0x17, 7),
            frame_bclk=self._clocks.frame_bclk,
        )
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers, self._clocks)
