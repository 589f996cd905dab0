"""The I2S wire between a host that never changes and a codec port that may be set to anything.

The host sends and reads 32-bit words, left then right, 64 BCLK a frame, MSB one BCLK after the LRCLK edge.
Bit positions here count from the host's left MSB. A port set otherwise takes its words from other
positions: that is all this module knows, and every wrong setting sounds as it would on the wire. It is not
a driver for anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.int32]
Bits = NDArray[np.uint64]
HOST_BCLK = 64
SHORTEST_SLOT_BITS = 8  # a port clocked slower than this carries nothing one could call a sample


@dataclass(frozen=True)
class Port:
    """How the codec's audio port is set.

    format is "i2s", "left_justified", "right_justified" or "dsp". In I2S the left word is where LRCLK is
    low, in the justified formats where it is high; lrclk_inverted reverses that, and turns DSP mode A into
    mode B. bclk_inverted samples on the edge where the data changes, which reads every word one bit early.
    frame_bclk is the number of BCLK in a frame: 64 when the host provides the clocks.
    """

    format: str
    word_bits: int
    lrclk_inverted: bool = False
    bclk_inverted: bool = False
    swap_play: bool = False
    swap_capture: bool = False
    frame_bclk: int = HOST_BCLK

    @property
    def carried_bits(self) -> int:
        """Bits of a word that fit between two LRCLK edges; 0 when the slot is too short for anything."""
        slot = self.frame_bclk if self.format == "dsp" else self.frame_bclk // 2
        return 0 if slot < SHORTEST_SLOT_BITS else min(self.word_bits, slot)

    @property
    def matches_host(self) -> bool:
        """True when both ends agree on where a word starts."""
        return self.format == "i2s" and not (self.lrclk_inverted or self.bclk_inverted) and self.frame_bclk == HOST_BCLK

    def starts(self) -> tuple[int, int]:
        """Bit position of the port's left and right MSB (not for DSP formats)."""
        slot = self.frame_bclk // 2
        delay = {"i2s": 0, "left_justified": -1, "right_justified": slot - self.carried_bits - 1}[self.format]
        delay -= self.bclk_inverted
        swapped = (self.format != "i2s") != self.lrclk_inverted
        return (slot + delay, delay) if swapped else (delay, slot + delay)


class Wire:
    """Both directions of the link, with the bits that straddle two blocks."""

    def __init__(self) -> None:
        self._last_played = np.zeros(1, np.uint64)
        self._last_captured = np.zeros(1, np.uint64)

    def to_codec(self, frames: Frames, port: Port) -> Frames:
        """int32[n, 2] as the host sends them -> int32[n, 2] as the codec understands them."""
        if port.matches_host:
            words = frames & _mask(port.carried_bits)
        else:
            stream = _join(frames)
            before = np.concatenate((self._last_played, stream[:-1]))
            self._last_played = stream[-1:].copy()
            if port.format == "dsp":
                left, right = _dsp_words(before, stream, port)
            else:
                left, right = (_take(before, stream, start, port.frame_bclk) for start in port.starts())
            words = np.stack((_signed(left), _signed(right)), axis=1) & _mask(port.carried_bits)
        return words[:, ::-1] if port.swap_play else words

    def to_host(self, frames: Frames, port: Port) -> Frames:
        """int32[n, 2] as the codec means them -> int32[n, 2] as the host reads them."""
        words = frames[:, ::-1] if port.swap_capture else frames
        words = words & _mask(port.carried_bits)
        if port.matches_host:
            return words
        left, right = np.ascontiguousarray(words.T).view(np.uint32).astype(np.uint64)
        if port.format == "dsp":
            burst = (left << np.uint64(32)) | ((right << np.uint64(32)) >> np.uint64(port.word_bits))
            burst = burst << np.uint64(int(port.lrclk_inverted) + int(port.bclk_inverted))
            before = np.concatenate((self._last_captured, burst[:-1]))
            self._last_captured = burst[-1:].copy()
            host = (before << np.uint64(32)) | (burst >> np.uint64(32))
        else:
            left_at, right_at = port.starts()
            host = _put(left, left_at) | _put(right, right_at)
        return np.stack((_signed(host >> np.uint64(32)), _signed(host)), axis=1)


def _mask(bits: int) -> np.int32:
    return np.int32(-(1 << (32 - bits))) if bits else np.int32(0)


def _join(frames: Frames) -> Bits:
    words = np.ascontiguousarray(frames).view(np.uint32).astype(np.uint64)
    joined: Bits = (words[:, 0] << np.uint64(32)) | words[:, 1]
    return joined


def _signed(words: Bits) -> Frames:
    return words.astype(np.uint32).view(np.int32)


def _take(before: Bits, stream: Bits, start: int, frame_bclk: int) -> Bits:
    """32 bits of each 64-bit frame from `start`; a negative start borrows the end of the frame before."""
    if start >= HOST_BCLK:
        return np.zeros_like(stream)
    if start >= 0:
        return (stream << np.uint64(start)) >> np.uint64(32)
    borrowed = np.uint64(-start)
    tail = before if frame_bclk == HOST_BCLK else np.zeros_like(before)
    return (stream >> (np.uint64(32) + borrowed)) | ((tail << (np.uint64(64) - borrowed)) >> np.uint64(32))


def _put(words: Bits, start: int) -> Bits:
    """32-bit words set into the host's 64-bit frame from `start`; what does not fit is lost."""
    if start >= HOST_BCLK:
        return np.zeros_like(words)
    high = words << np.uint64(32)
    return high >> np.uint64(start) if start >= 0 else high << np.uint64(-start)


def _dsp_words(before: Bits, stream: Bits, port: Port) -> tuple[Bits, Bits]:
    """DSP starts both words at LRCLK's rising edge, which on an I2S host is the middle of the frame."""
    early = np.uint64(int(port.lrclk_inverted) + int(port.bclk_inverted))
    burst = (before << np.uint64(32)) | (stream >> np.uint64(32))
    if early:
        burst = (burst >> early) | ((before >> np.uint64(32)) << (np.uint64(64) - early))
    return burst >> np.uint64(32), (burst << np.uint64(port.word_bits)) >> np.uint64(32)
