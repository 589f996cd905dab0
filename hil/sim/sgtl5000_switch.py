"""The SGTL5000's source select switch: which of ADC, I2S input and audio processor feeds which sink.

Reserved codes connect nothing. The audio processor runs once a period, when its main source brings new words; what
comes from the other direction is the last period's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.sim.sgtl5000_registers import DAP_CONTROL, DIG_POWER, SSS_CTRL, Registers

Array = NDArray[np.float64]
SINK_SOURCES = ("adc", "i2s", None, "dap")
DAP_SOURCES = ("adc", "i2s", None, None)


@dataclass(frozen=True)
class Routes:
    """Where each sink takes its words from; None is nowhere."""

    dac: str | None
    i2s_out: str | None
    dap: str | None
    dap_mix: str | None
    swapped: frozenset[str]

    def reaches(self, source: str, sink: str | None) -> bool:
        """Words of `source` arrive at what `sink` names as its own source, directly or through the processor."""
        return sink == source or (sink == "dap" and source in (self.dap, self.dap_mix))

    @property
    def dap_used(self) -> bool:
        """The processor's words go somewhere."""
        return "dap" in (self.dac, self.i2s_out) and (self.dap is not None or self.dap_mix is not None)


def routes(registers: Registers) -> Routes:
    """A processor without power or enable bit lets nothing pass, and so takes nothing in."""
    running = registers.on(DIG_POWER, 4) and registers.on(DAP_CONTROL, 0)
    mixing = running and registers.on(DAP_CONTROL, 4)
    swaps = (("dap_mix", 14), ("dap", 13), ("dac", 12), ("i2s_out", 10))
    return Routes(
        dac=SINK_SOURCES[registers.bits(SSS_CTRL, 5, 4)],
        i2s_out=SINK_SOURCES[registers.bits(SSS_CTRL, 1, 0)],
        dap=DAP_SOURCES[registers.bits(SSS_CTRL, 7, 6)] if running else None,
        dap_mix=DAP_SOURCES[registers.bits(SSS_CTRL, 9, 8)] if mixing else None,
        swapped=frozenset(sink for sink, bit in swaps if registers.on(SSS_CTRL, bit)),
    )


class Switch:
    """The last period's words of every source."""

    def __init__(self) -> None:
        self._words: dict[str, Array] = dict.fromkeys(("adc", "i2s", "dap"), np.zeros((2, 0)))

    def put(self, source: str, words: Array) -> None:
        """New words of a source, float64[2, n]."""
        self._words[source] = words

    def take(self, sink: str, source: str | None, frames: int, routing: Routes) -> Array:
        """float64[2, n] for a sink, swapped if it asks for that; silence where nothing is connected."""
        out = np.zeros((2, frames))
        if source is not None:
            last = self._words[source][:, :frames]
            out[:, : last.shape[1]] = last
        return out[::-1] if sink in routing.swapped else out
