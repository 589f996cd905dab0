"""What was done to a DA7212 against its rules, from the moment it happens until the chip is reset.

Sources: the order and the waits of the Linux driver and of the Codec Zero's machine driver (VMID before anything
analogue, charge pump before the headphone amplifiers, port off while the counter free-runs or the clocks stop,
1 s of microphone bias before the first recorded frame, calibration with muted microphones), and the datasheet as
public drivers quote it (25 ms of VMID, 40 ms of bias before the LDO, the rate before the port, 250 ms from DAC to
speaker). Not rules, because working boards break them: unmuting a converter before the PLL has locked (the driver
does, in the same millisecond), a consumer without SRM (the driver does at the bypass rates), the port before the
provider's clocks, an amplifier switched on unmuted (it ramps), a gain written under the level control.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.sim.da7212_clocks import INDIV, MCLK_RANGES_HZ, VCO_RANGE_HZ, References, vco_hz
from hil.sim.da7212_input import RecordPath
from hil.sim.da7212_output import PlaybackPath
from hil.sim.da7212_registers import Registers
from hil.sim.told import Told

RESET_WAIT_S = 0.010
MIC_BIAS_WAIT_S = 1.0
DAC_TO_SPEAKER_S = 0.250
LDO_WAIT_S = 0.040  # of bias before the LDO may be enabled
BLOCKS = (0x60, 0x61, *range(0x63, 0x70))  # bit 7 powers each
PLL_REGISTERS = (0x24, 0x25, 0x26, 0x27)
ALC_FIGURES = range(0x9A, 0xA3)
FAST_CODES = (14, 15)  # 88.2 and 96 kHz
EARLY_S = 1e-9


@dataclass(frozen=True)
class Sight:
    """What the watch looks at, as it is now."""

    registers: Registers
    active: bool
    references: References
    record: RecordPath
    playback: PlaybackPath
    mclk_hz: float
    srm_locked: bool
    mismatch: tuple[str, ...]

    @property
    def port(self) -> bool:
        """The digital audio port is enabled."""
        return self.active and self.registers.on(0x29, 7)

    @property
    def audible(self) -> bool:
        """A converter runs and is not muted."""
        controls = (self.registers.bits(register, 7, 6) for register in (0x67, 0x68, 0x69, 0x6A))
        return self.active and any(control == 2 for control in controls)

    @property
    def recording(self) -> bool:
        """A microphone reaches an ADC that is not muted."""
        record = self.record
        return any(
            path.converts and not path.adc_muted and path.mixes and not path.muted and heard and amplifier.live
            for path in record.channels
            for heard, amplifier in zip(path.mics, record.mics, strict=True)
        )

    @property
    def speaking(self) -> bool:
        """The right DAC reaches the line amplifier, and nothing is muted."""
        registers, mixer = self.registers, self.playback.mixers[1]
        amplifier = registers.on(0x6D, 7) and registers.on(0x6D, 3) and not registers.on(0x6D, 6)
        converter = registers.bits(0x6A, 7, 6) == 2 and not self.playback.soft_muted
        return self.references.powered and amplifier and converter and mixer.live and mixer.dac > 0.0

    @property
    def uncalibrated(self) -> bool:
        """Hybrid mode is asked for without an offset that fits."""
        alc = self.record.alc
        return alc.channels != "off" and alc.hybrid and alc.offset and not self.record.hybrid


class Watch(Told):
    """Sentences, each once, and the times they depend on."""

    def __init__(self, since_reset_s: float = RESET_WAIT_S) -> None:
        super().__init__()
        self._reset_s = since_reset_s
        self._dac_s = 0.0
        self._bias_s = [0.0, 0.0]
        self._alc_s = 0.0

    def accessed(self) -> None:
        """Somebody talks to the chip."""
        if self._reset_s < RESET_WAIT_S - EARLY_S:
            self.note("0x1D: the chip was spoken to sooner than 10 ms after its reset")

    def supply_dipped(self) -> None:
        """The LDO was enabled too early; this is said after the reset it causes."""
        self.note("0x90: LDO enabled sooner than 40 ms after BIAS_EN, the chip has reset itself")

    def written(self, register: int, old: int, new: int, was: bool, sight: Sight) -> None:
        """A byte went from old to new; `was`: port enabled and a converter unmuted before."""
        registers = sight.registers
        for sentence in registers.misused():
            self.note(sentence)
        self._derived(sight)
        if old == new:
            return
        name = f"0x{register:02X}"
        if was and sight.port and sight.audible:
            # With the converters muted or the port off nobody hears it.
            on = registers.on(0x27, 7) or register == 0x27
            if register in PLL_REGISTERS and on:
                self.note(f"{name}: PLL setting changed while the port runs and a converter is unmuted")
            elif register == 0x22:
                self.note(f"{name}: rate changed while the port runs and a converter is unmuted")
            elif (register == 0x28 and (old ^ new) & 0x0F) or (register == 0x29 and (old ^ new) & 0x3F):
                self.note(f"{name}: port's format changed while it runs and a converter is unmuted")
        if register == 0x28 and old & ~new & 0x80 and sight.port:
            self.note("0x28: the clocks stop while the port is enabled")
        follows = registers.bits(0x27, 7, 5) == 6 and not registers.on(0x28, 7)
        if register == 0x29 and new & ~old & 0x80 and sight.active and follows and not sight.srm_locked:
            self.note("0x29: port enabled before SRM has locked (0x03 bit 1)")
        if register in ALC_FIGURES and registers.bits(0x2B, 7, 0) & 0x88 and self._alc_s == 0.0:
            self.note(f"{name}: level control switched on before this figure was set")

    def _derived(self, sight: Sight) -> None:
        registers, references = sight.registers, sight.references
        self._wait(0.0, sight)
        if sight.active and not references.settled:
            for register in BLOCKS:
                if registers.on(register, 7):
                    self.note(f"0x{register:02X}: on while VMID is not up; it needs 25 ms after 0x23")
            if registers.bits(0x62, 7, 0) & 0x88:
                self.note("0x62: microphone bias on while VMID is not up; it needs 25 ms after 0x23")
        for register in (0x6B, 0x6C):
            if sight.active and registers.bits(register, 7, 3) & 0x11 == 0x11 and not registers.on(0x47, 7):
                self.note(f"0x{register:02X}: headphone amplifier on without the charge pump (0x47 bit 7)")
        if sight.port and registers.on(0x94, 0):
            self.note("0x94: the counter runs freely while the port is enabled")
        if sight.port and registers.on(0x28, 7) and registers.bits(0x27, 7, 5) == 6:
            self.note("0x27: SRM is for a port that is a consumer")
        if sight.active and registers.on(0x43, 7) and registers.bits(0x22, 3, 0) in FAST_CODES:
            self.note("0x43: the equaliser does not work at 88.2 and 96 kHz")
        if sight.audible:
            for sentence in sight.mismatch:
                self.note(sentence)
        if sight.speaking and self._dac_s < DAC_TO_SPEAKER_S - EARLY_S:
            self.note("0x6D: speaker fed sooner than 250 ms after the DAC was switched on")

    def clocked(self, sight: Sight) -> None:
        """The PLL locked by itself: rates are known now."""
        self._derived(sight)

    def calibrated(self, sight: Sight, clocked: bool) -> None:
        """A calibration run has ended."""
        record = sight.record
        if not clocked:
            self.note("0x2B: calibrated without clock or references")
        if record.alc.channels != "off":
            self.note("0x2B: calibrated while the level control is on")
        if any(
            heard and amplifier.live
            for path in record.channels
            for heard, amplifier in zip(path.mics, record.mics, strict=True)
        ):
            self.note("0x2B: calibrated with a microphone amplifier that is not muted (0x63, 0x64 bit 6)")
        if not any(path.converts and not path.adc_muted and path.mixes for path in record.channels):
            self.note("0x2B: calibrated with no ADC that is on, unmuted and fed by its mixer")

    def aborted(self) -> None:
        """A calibration was stopped."""
        self.note("0x2B: calibration stopped before bit 4 read 0")

    def recorded(self, sight: Sight) -> None:
        """A frame leaves for the host."""
        if sight.recording and any(
            on and charged_s < MIC_BIAS_WAIT_S - EARLY_S
            for on, charged_s in zip(self._biased(sight), self._bias_s, strict=True)
        ):
            self.note("0x62: a microphone was recorded sooner than 1 s after its bias was switched on")

    def passed(self, seconds: float, sight: Sight) -> None:
        """Time passes in the state the chip was left in."""
        self._reset_s += seconds
        self._wait(seconds, sight)
        registers = sight.registers
        if seconds <= 0.0 or not sight.active:
            return
        # Only with time: the driver calibrates again right after it has changed MIXIN's gain.
        if sight.uncalibrated and not sight.record.calibration.running:
            self.note("0x2B: hybrid level control without a calibration since MIXIN's gain was last set")
        if sight.record.alc.channels != "off" and registers.bits(0x9D, 5, 0) < registers.bits(0x9E, 5, 0):
            self.note("0x9D: the level control's lower target is above its upper one (0x9E)")
        # The 32 kHz mode needs writes that the Linux driver never gets to the chip: no sentence.
        if registers.on(0x27, 7) and not registers.on(0x27, 5):
            self._pll(registers, sight.mclk_hz)

    def _wait(self, seconds: float, sight: Sight) -> None:
        registers = sight.registers
        dac = registers.on(0x6A, 7) and sight.active and sight.references.powered
        self._dac_s = self._dac_s + seconds if dac else 0.0
        self._bias_s = [
            charged_s + seconds if on else 0.0 for on, charged_s in zip(self._biased(sight), self._bias_s, strict=True)
        ]
        self._alc_s = self._alc_s + seconds if registers.bits(0x2B, 7, 0) & 0x88 else 0.0

    def _pll(self, registers: Registers, mclk_hz: float) -> None:
        code = registers.bits(0x27, 3, 2)
        low_hz, high_hz = MCLK_RANGES_HZ[code]
        vco = vco_hz(registers, mclk_hz)
        if not low_hz <= mclk_hz <= high_hz:
            self.note(f"0x27: MCLK of {mclk_hz / 1e6:g} MHz is not for the input divider {INDIV[code]:g}")
        elif not VCO_RANGE_HZ[0] <= vco <= VCO_RANGE_HZ[1]:
            self.note(f"0x26: the VCO cannot run at {vco / 1e6:.1f} MHz")

    def _biased(self, sight: Sight) -> tuple[bool, bool]:
        on = sight.active and sight.references.powered
        return on and sight.registers.on(0x62, 3), on and sight.registers.on(0x62, 7)
