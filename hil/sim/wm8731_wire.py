"""The WM8731's audio port on the host's wire, with the long frames it makes as clock provider.

As consumer the host's 64 BCLK a frame are those of `hil.sim.i2s`. As provider it makes 64 BCLK a frame in normal
mode, but in USB mode BCLK is the core clock itself: 250 a frame at 48 kHz, 1500 at 8 kHz, and `hil.sim.i2s`, which
knows positions in a 64 BCLK frame only, cannot say what arrives. A Raspberry Pi as clock consumer starts each word at
the LRCLK edge (told the BCLK ratio, it places the right word by it) and takes the first 32 bits of a slot; so words
that the chip starts where I2S does arrive intact, however long the slot is. All other formats are taken from where
they are: left-justified words lose their first bit, right-justified words are not among the first 32 bits, DSP words
both lie behind the one edge.

Positions count in BCLK from the host's left MSB. The converters are 24 bits wide, whatever the word on the wire.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.sim.chip import Frames
from hil.sim.i2s import Port, Wire
from hil.sim.wm8731_clocks import Clocks
from hil.sim.wm8731_registers import Registers

FORMATS = ("right_justified", "left_justified", "i2s", "dsp")
WORD_BITS = (16, 20, 24, 32)
CONVERTER_BITS = 24
HOST_WORD_BITS = 32
OUT_OF_STEP_BITS = 7  # a port that lost the frame reads words late: loud and wrong, not silent


def port(registers: Registers, clocks: Clocks) -> Port:
    """The interface register. Right-justified there are 24 bits at most; in DSP mode LRP is 1 for mode A."""
    format_ = FORMATS[registers.bits(0x07, 1, 0)]
    word_bits = WORD_BITS[registers.bits(0x07, 3, 2)]
    return Port(
        format=format_,
        word_bits=min(word_bits, 24) if format_ == "right_justified" else word_bits,
        lrclk_inverted=registers.on(0x07, 4) != (format_ == "dsp"),
        bclk_inverted=registers.on(0x07, 7),
        swap_play=registers.on(0x07, 5),
        frame_bclk=clocks.frame_bclk if clocks.provider else 64,
    )


class Interface:
    """Both directions of the link, and whether the port still knows where a frame begins."""

    def __init__(self) -> None:
        self._wire = Wire()
        self._interrupted = False

    def set(self, registers: Registers, clocks: Clocks) -> None:
        """Follow the registers."""
        self.port = port(registers, clocks)
        self._provider = clocks.provider
        self._interrupted = self._interrupted and registers.on(0x09, 0)
        self._play_in_step = not self._interrupted and clocks.in_step(clocks.dac_rate_hz)
        self._capture_in_step = not self._interrupted and clocks.in_step(clocks.adc_rate_hz)

    @property
    def in_step(self) -> bool:
        """Both directions find their words."""
        return self._play_in_step and self._capture_in_step

    def interrupt(self) -> None:
        """Format or rate changed while ACTIVE, which is to be avoided: out of step until it was inactive.

        What the chip does then is written nowhere; noise is the reading that cannot be overheard.
        """
        self._interrupted = True

    def to_codec(self, frames: Frames) -> Frames:
        """int32[n, 2] as the host sends them -> as the DAC takes them."""
        if self._provider:
            words = _move(frames, self.port, to_host=False) & _mask(self.port.carried_bits)
            words = words[:, ::-1] if self.port.swap_play else words
        else:
            words = self._wire.to_codec(frames, self.port)
        words = words if self._play_in_step else words << OUT_OF_STEP_BITS
        return words & _mask(CONVERTER_BITS)

    def to_host(self, frames: Frames) -> Frames:
        """int32[n, 2] from the ADC -> as the host reads them."""
        words = frames & _mask(CONVERTER_BITS)
        words = words if self._capture_in_step else words << OUT_OF_STEP_BITS
        if not self._provider:
            return self._wire.to_host(words, self.port)
        return _move(words & _mask(self.port.carried_bits), self.port, to_host=True)


def starts(port: Port) -> tuple[int, int]:
    """Positions of the left and right MSB in a provider's frame; LRCLK falls one BCLK before position 0."""
    if port.format == "dsp":  # LRCLK is high for the one BCLK before it falls
        first = -2 + (0 if port.lrclk_inverted else 1) - port.bclk_inverted
        return first, first + port.word_bits
    return port.starts()


def _move(frames: Frames, port: Port, to_host: bool) -> Frames:
    """The words of one end as the other end takes them, each from its own positions in the frame."""
    if starts(port) == (0, port.frame_bclk // 2):
        return frames
    codec_at, host_at = starts(port), (0, port.frame_bclk // 2)
    sent_at, read_at = (codec_at, host_at) if to_host else (host_at, codec_at)
    sent = np.ascontiguousarray(frames).view(np.uint32).astype(np.uint64)
    read = np.zeros_like(sent)
    for target in (0, 1):
        for source in (0, 1):
            late = (sent_at[source] - read_at[target]) % port.frame_bclk
            late -= port.frame_bclk if late > port.frame_bclk // 2 else 0
            read[:, target] |= _shift(sent[:, source], late)
    return read.astype(np.uint32).view(np.int32)


def _shift(words: NDArray[np.uint64], late: int) -> NDArray[np.uint64]:
    if abs(late) >= HOST_WORD_BITS:
        return np.zeros_like(words)
    moved = words >> np.uint64(late) if late >= 0 else words << np.uint64(-late)
    return moved & np.uint64(0xFFFFFFFF)


def _mask(bits: int) -> np.int32:
    return np.int32(-(1 << (32 - bits))) if bits else np.int32(0)
