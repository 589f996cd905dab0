"""The SGTL5000 as its datasheet's signal flow: bytes in, acknowledge out; frames and volts in and out.

Not a table of fields: registers exist here only to decide what the blocks do. Time passes with frames, or by `wait`.
There is no reset but power: a new object. Without MCLK, or once VDDD has collapsed, nothing answers on the bus.
Not modelled: short-circuit detection, capless headphone wiring, test registers, 8 MCLK cycles of start-up.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import numpy as np

from hil.sim.chip import Frames, Volts
from hil.sim.frames import FrameTime, frames_at, frames_of, words_of
from hil.sim.i2s import Port, Wire
from hil.sim.sgtl5000_clocks import Clocks, Pll, clocks
from hil.sim.sgtl5000_dap import Dap
from hil.sim.sgtl5000_faults import Sight, Watch
from hil.sim.sgtl5000_input import PINS, RecordPath
from hil.sim.sgtl5000_output import PINS as OUTPUT_PINS
from hil.sim.sgtl5000_output import PlaybackPath
from hil.sim.sgtl5000_power import (
    MIC_BIAS_OHM,
    VDDD_LEAST_V,
    Couplings,
    Supplies,
    Vag,
    core_v,
    mic_bias_v,
    mismatch,
    switches_driven,
)
from hil.sim.sgtl5000_registers import (
    ADCDAC_CTRL,
    ANA_ADC_CTRL,
    ANA_HP_CTRL,
    ANA_POWER,
    ANA_STATUS,
    CHIP_ID,
    CLK_CTRL,
    CLK_TOP_CTRL,
    DAP_COEF_ACCESS,
    DIG_POWER,
    I2S_CTRL,
    LINE_OUT_CTRL,
    MIC_CTRL,
    PAD_STRENGTH,
    REF_CTRL,
    SHORT_CTRL,
    Registers,
)
from hil.sim.sgtl5000_switch import Switch, routes

ADDRESS = 0x0A
WORD_BITS = (32, 24, 20, 16)
SHORT_SLOT_BITS = 16
BIAS_CURRENT = (1.0, 1.125, 1.125, 1.125, 0.875, 0.75, 0.625, 0.5)  # of nominal
LINE_OUT_MA = {0: 0.18, 1: 0.27, 3: 0.36, 7: 0.45, 15: 0.54}
CONVERTER_BITS = {DIG_POWER: 0x0060, ANA_POWER: 0x000A}


class Sgtl5000:
    """One chip on a bench. After power-up it is silent until told otherwise.

    mclk_hz: frequency on SYS_MCLK, 0 for none; it may change while the chip lives. avdd_v: VDDA. seed: of the input
    noise. address: 0x0A or, with CTRL_ADR0_CS high, 0x2A. host_rate_hz: LRCLK of a host that provides the clocks.
    vddio_v: None is the same as VDDA. vddd_v: None leaves VDDD to the chip's own regulators.
    """

    def __init__(
        self,
        mclk_hz: float = 12_288_000.0,
        avdd_v: float = 3.3,
        seed: int = 5000,
        *,
        address: int = ADDRESS,
        host_rate_hz: float = 48_000.0,
        vddio_v: float | None = None,
        vddd_v: float | None = 1.8,
    ) -> None:
        self._mclk_hz = mclk_hz
        self._address = address
        self._host_rate_hz = host_rate_hz
        self._supplies = Supplies(avdd_v, avdd_v if vddio_v is None else vddio_v, vddd_v)
        self._registers = Registers()
        self._pll = Pll()
        self._vag = Vag()
        self._couplings = Couplings()
        self._wire = Wire()
        self._switch = Switch()
        self._dap = Dap()
        self._record = RecordPath(self._supplies, seed, self._registers)
        self._playback = PlaybackPath(self._supplies, self._registers)
        self._watch = Watch()
        self._alive = True
        self._time = FrameTime()
        self._derive()

    @property
    def mclk_hz(self) -> float:
        """What is on SYS_MCLK; 0 is no clock, and then the control port is deaf."""
        return self._mclk_hz

    @mclk_hz.setter
    def mclk_hz(self, hz: float) -> None:
        self._mclk_hz = hz
        self._derive()

    def write(self, address: int, data: bytes) -> None:
        """Two bytes of register address and any number of two-byte words; without words it moves the pointer."""
        self._acknowledge(address, f"{len(data)} bytes")
        if len(data) < 2 or len(data) % 2:
            raise OSError(
                errno.EREMOTEIO, f"no acknowledge from 0x{address:02X}: {len(data)} bytes are not whole words"
            )
        self._registers.point(int.from_bytes(data[:2], "big"))
        for at in range(2, len(data), 2):
            converters, audible = self._converters(), self._sight().audible
            old = self._registers.peek()
            register = self._registers.store(int.from_bytes(data[at : at + 2], "big"))
            self._derive()
            self._updated(register, converters)
            if register is not None:
                self._watch.written(register, old, self._registers.bits(register, 15, 0), audible, self._sight())

    def read(self, address: int, count: int) -> bytes:
        """Whole words from the pointer on, which moves with them."""
        self._acknowledge(address, f"a read of {count} bytes")
        if count < 2 or count % 2:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X}: a read of {count} bytes is no word")
        status = {0x0000: CHIP_ID, ANA_STATUS: self._pll.locked << 4, ADCDAC_CTRL: self._playback.busy_bits}
        return b"".join(self._registers.fetch(status).to_bytes(2, "big") for _ in range(count // 2))

    def wait(self, seconds: float) -> None:
        """Time without frames: VAG ramps, the PLL locks, volumes arrive."""
        self._time.waited()
        self._pass(seconds)
        if self._ticking:
            self._record.idle(seconds)
            self._playback.idle(seconds, round(seconds * (self._clocks.rate_hz or 0.0)))

    @property
    def frame_rate_hz(self) -> float | None:
        """LRCLK as clock provider; None as consumer or without a clock."""
        return self._clocks.frame_rate_hz if self._alive else None

    @property
    def mic_bias_v(self) -> dict[str, float]:
        """Open-circuit volts on MICBIAS."""
        return {"MICBIAS": mic_bias_v(self._registers, self._supplies) if self._alive else 0.0}

    def play(self, frames: Frames) -> dict[str, Volts]:
        """int32[n, 2] -> volts at HP_L, HP_R, LINEOUT_L and LINEOUT_R, float32[n] each."""
        n = len(frames)
        routing = self._routes
        if self._converting and self._registers.on(DIG_POWER, 0) and self._port:
            self._switch.put("i2s", words_of(self._wire.to_codec(frames, self._port)))
        else:
            self._switch.put("i2s", np.zeros((2, n)))
        self._process("i2s", n)
        words = self._switch.take("dac", routing.dac, n, routing)
        out = self._playback.play(words, self._record.line_v, self._vag.volts, self._converting, self._ticking)
        if not self._analogue:
            out = {pin: np.zeros(n) for pin in OUTPUT_PINS}
        before = self._couplings.pops(self._grounds())
        self._pass(self._time.played(n / self._clocks.link_rate_hz))
        after = self._couplings.pops(self._grounds())
        for pin, volts in out.items():
            pair = pin.split("_")[0]
            if abs(before[pair]) + abs(after[pair]) > 1e-6:
                volts += np.linspace(before[pair], after[pair], n)
        return {pin: volts.astype(np.float32) for pin, volts in out.items()}

    def capture(self, volts: Mapping[str, Volts]) -> Frames:
        """Volts at MIC, LINEIN_L and LINEIN_R, float32[n] each -> int32[n, 2].

        ValueError when lengths differ, a pin is unknown or none is given.
        """
        n = frames_at(volts, PINS)
        self._record.listen(volts, n)
        if self._analogue and self._converting:
            missing_v = self._vag.target_v - self._vag.volts if not self._vag.settled else 0.0
            self._switch.put("adc", self._record.capture(volts, n, self._vag.volts, missing_v))
        else:
            self._switch.put("adc", np.zeros((2, n)))
        self._process("adc", n)
        words = self._switch.take("i2s_out", self._routes.i2s_out, n, self._routes)
        self._pass(self._time.captured(n / self._clocks.link_rate_hz))
        if not (self._converting and self._sends and self._port):
            return np.zeros((n, 2), np.int32)
        return self._wire.to_host(frames_of(words), self._port)

    def state(self) -> dict[str, object]:
        """What each block does now; None where a channel is muted, unpowered or not routed."""
        routing, avc = self._routes, self._dap.avc
        rate_hz = self._clocks.rate_hz if self._alive else None
        hears_adc = routing.reaches("adc", routing.i2s_out)
        levels_capture = avc.on and routing.i2s_out == "dap" and hears_adc
        levels_playback = avc.on and routing.dac == "dap" and routing.reaches("i2s", "dap")
        to_dac = self._playback.dac_on[0] and routing.reaches("adc", routing.dac)
        bypass = self._playback.line_selected and self._playback.headphone_on
        format_name = self._port.format if self._port else None
        recorded = self._record.state(self._analogue)
        return {
            "alive": self._alive,
            "analogue_up": self._analogue and self._vag.settled,
            "vag_v": self._vag.volts,
            "mic_bias_v": self.mic_bias_v,
            "mic_bias_ohm": MIC_BIAS_OHM[self._registers.bits(MIC_CTRL, 9, 8)],
            "capture_rate_hz": rate_hz,
            "playback_rate_hz": rate_hz,
            "in_step": self._converting,
            "pll_locked": self._pll.locked,
            "interface": {
                "format": format_name,
                "word_bits": WORD_BITS[self._registers.bits(I2S_CTRL, 5, 4)],
                "provider": self._clocks.provider,
            },
            **recorded,
            "adc_gain_db": [self._adc_gain_db() if on else None for on in self._record.heard],
            "alc": "stereo" if levels_capture else "off",
            "alc_mode": "limiter" if avc.limiter else "alc",
            "alc_target_dbfs": avc.target_dbfs,
            "alc_max_gain_db": avc.max_gain_db,
            "alc_min_gain_db": None,
            "alc_reach_db": [None if gain is None else gain + avc.max_gain_db for gain in recorded["input_gain_db"]],
            "input_gain_step_db": 1.5,
            "alc_hold_ms": None,
            "alc_decay_ms": _six_db_ms(avc.decay_db_s),
            "alc_attack_ms": _six_db_ms(avc.attack_db_s),
            "alc_decay_db_s": avc.decay_db_s,
            "alc_attack_db_s": avc.attack_db_s,
            "alc_gain_db": avc.gain_db,
            "noise_gate": False,
            "noise_gate_dbfs": None,
            **self._playback.state(self._analogue),
            "routes": {"dac": routing.dac, "i2s_out": routing.i2s_out, "dap": routing.dap, "dap_mix": routing.dap_mix},
            "loopback": to_dac or routing.reaches("i2s", routing.i2s_out),
            "sidetone": to_dac or bypass,
            "playback_avc": levels_playback,
            "equaliser": routing.dap_used and (self._dap.colours or levels_playback),
            "reserved": self._registers.reserved(),
            "faults": list(dict.fromkeys(self._watch.told() + self._sight().present + self._out_of_rate())),
            "bias_current": BIAS_CURRENT[self._registers.bits(REF_CTRL, 3, 1)],
            "line_out_current_ma": LINE_OUT_MA.get(self._registers.bits(LINE_OUT_CTRL, 11, 8)),
            "short_detection": bool(self._registers.bits(SHORT_CTRL, 3, 0)),
            "capless": self._registers.on(ANA_POWER, 2),
        }

    def _sight(self) -> Sight:
        return Sight(
            registers=self._registers,
            supplies=self._supplies,
            vag=self._vag,
            clocks=self._clocks,
            pll=self._pll,
            routes=self._routes,
            mclk_hz=self._mclk_hz,
        )

    def _out_of_rate(self) -> list[str]:
        return mismatch(self._registers, self._clocks.rate_hz if self._alive else None)

    def _acknowledge(self, address: int, what: str) -> None:
        if address != self._address:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}")
        if not self._mclk_hz:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}: no clock on SYS_MCLK")
        if not self._alive:
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}: VDDD has collapsed")
        if not self._registers.bits(PAD_STRENGTH, 3, 2):
            raise OSError(errno.EREMOTEIO, f"no acknowledge from 0x{address:02X} for {what}: its data pad is disabled")

    def _updated(self, register: int | None, converters: int) -> None:
        """What happens at the moment of a write and not by what stands in registers."""
        if register == CLK_CTRL:
            self._pll.select(self._registers)
            self._derive()
        elif register == ANA_ADC_CTRL:
            self._record.set_volume(self._registers)
        elif register == ANA_HP_CTRL:
            self._playback.set_headphone(self._registers)
        elif register == DAP_COEF_ACCESS:
            self._dap.load_filter(self._registers)
            self._derive()
        if converters != self._converters() and self._vag.volts > 0.1:
            heard = self._couplings.click(self._registers)
            if heard and register is not None:
                self._watch.clicked(register)

    def _converters(self) -> int:
        both = self._registers.bits(ANA_POWER, 15, 0) << 16 | self._registers.bits(DIG_POWER, 15, 0)
        return both & (CONVERTER_BITS[ANA_POWER] << 16 | CONVERTER_BITS[DIG_POWER])

    def _grounds(self) -> dict[str, float]:
        return self._couplings.grounds(self._vag)

    def _adc_gain_db(self) -> float | None:
        """Decibels between the ADC and the port, without what the AVC does."""
        routing = self._routes
        if routing.i2s_out == "adc":
            return 0.0
        if routing.i2s_out == "dap" and routing.dap == "adc":
            return self._dap.main_db
        return self._dap.mix_db if routing.i2s_out == "dap" and routing.dap_mix == "adc" else None

    def _process(self, source: str, frames: int) -> None:
        """The audio processor runs when its main source has new words, or the mixed one when there is no main."""
        routing = self._routes
        if routing.dap == source or (routing.dap is None and source == "adc"):
            if routing.dap is None and routing.dap_mix is None:
                self._switch.put("dap", np.zeros((2, frames)))
                return
            main = self._switch.take("dap", routing.dap, frames, routing)
            mix = self._switch.take("dap_mix", routing.dap_mix, frames, routing) if routing.dap_mix else None
            self._switch.put("dap", self._dap.process(main, mix))

    def _pass(self, seconds: float) -> None:
        """References and PLL; a VAG ramp that ends within `seconds` is a line and then a rest."""
        if self._alive:
            self._watch.passed(seconds, self._sight())
        ramping = min(seconds, self._vag.arrives_s)
        for part in (ramping, seconds - ramping):
            if part > 0.0:
                before = self._grounds()
                self._vag.wait(part)
                self._couplings.follow(before, self._grounds(), part)
        if self._pll.wait(seconds):
            self._derive()

    def _derive(self) -> None:
        """Registers -> what every block does, once per change."""
        registers = self._registers
        if core_v(registers, self._supplies) < VDDD_LEAST_V - 1e-9:
            self._alive = False
        self._pll.set(registers, self._mclk_hz)
        self._vag.set(registers)
        if not self._alive:
            self._vag.powered = False
        self._couplings.set(registers, self._vag)
        self._clocks: Clocks = clocks(registers, self._mclk_hz, self._pll, self._host_rate_hz)
        driven = switches_driven(registers, self._supplies, self._clocks.rate_hz is not None)
        self._analogue = self._alive and self._vag.powered and driven
        self._converting = self._alive and self._clocks.converting
        self._ticking = self._clocks.rate_hz is not None or registers.on(CLK_TOP_CTRL, 11)
        self._sends = registers.on(DIG_POWER, 1) and bool(registers.bits(PAD_STRENGTH, 5, 4))
        self._routes = routes(registers)
        self._port = _port(registers, self._clocks)
        self._record.configure(registers, self._clocks)
        self._playback.configure(registers)
        self._dap.configure(registers, self._clocks.rate_hz or self._clocks.link_rate_hz)


def _port(registers: Registers, running: Clocks) -> Port | None:
    """None for the reserved mode. LRPOL 0 has the left word on LRCLK low in every mode but PCM."""
    mode = registers.bits(I2S_CTRL, 3, 2)
    if mode == 3:
        return None
    no_delay, left_high = registers.on(I2S_CTRL, 1), registers.on(I2S_CTRL, 0)
    if mode == 2:
        name, inverted = "dsp", no_delay
    elif mode == 1:
        name, inverted = "right_justified", not left_high
    elif no_delay:
        name, inverted = "left_justified", not left_high
    else:
        name, inverted = "i2s", left_high
    bits = WORD_BITS[registers.bits(I2S_CTRL, 5, 4)]
    return Port(
        format=name,
        word_bits=min(bits, SHORT_SLOT_BITS) if registers.on(I2S_CTRL, 8) else bits,
        lrclk_inverted=inverted,
        bclk_inverted=registers.on(I2S_CTRL, 6),
        frame_bclk=running.frame_bclk,
    )


def _six_db_ms(db_s: float) -> float | None:
    """Milliseconds for a change of 6 dB at a rate in decibels a second."""
    return 6000.0 / db_s if db_s else None
