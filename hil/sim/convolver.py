"""A convolver: one stream of periods through long impulse responses, with no delay of its own.

Uniformly partitioned overlap-save (Stockham 1966; Wefers, "Partitioned convolution algorithms for real-time
auralization", 2015, ch. 5) in float32. It knows nothing of sound: the room gives the responses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

Float = NDArray[np.float32]


class Convolver:
    """`next(x)` is the next period of x convolved with each row of the response.

    The response is float32[rows, taps]; `period_frames` may be any number and stays.
    """

    def __init__(self, response: Float, period_frames: int) -> None:
        self._period_frames = period_frames
        self._window = np.zeros(2 * period_frames, dtype=np.float32)
        self._partitions = 0
        self._newest = 0
        # Spectra of the past, newest first, written twice, so that any `partitions` of them lie in one piece.
        self._past = np.zeros((0, period_frames + 1), dtype=np.complex64)
        self.replace(response)

    @property
    def tail_periods(self) -> int:
        """Periods of silence after which the output is silent as well."""
        return self._partitions + 1

    def replace(self, response: Float) -> None:
        """Another response from now on; what was heard so far rings on through it."""
        n = self._period_frames
        rows, taps = response.shape
        partitions = max(1, -(-taps // n))
        blocks = np.zeros((rows, partitions, 2 * n), dtype=np.float32)
        padded = np.zeros((rows, partitions * n), dtype=np.float32)
        padded[:, :taps] = response
        blocks[:, :, :n] = padded.reshape(rows, partitions, n)
        past = np.zeros((2 * partitions, n + 1), dtype=np.complex64)
        kept = min(partitions, self._partitions)
        past[:kept] = past[partitions : partitions + kept] = self._past[self._newest : self._newest + kept]
        self._response = rfft(blocks)
        self._products = np.empty_like(self._response)
        self._past, self._partitions, self._newest = past, partitions, 0

    def next(self, x: Float) -> Float:
        """float32[rows, period_frames] for float32[period_frames]."""
        n, partitions = self._period_frames, self._partitions
        self._window[:n] = self._window[n:]
        self._window[n:] = x
        newest = self._newest = (self._newest - 1) % partitions
        self._past[newest] = self._past[newest + partitions] = rfft(self._window)
        np.multiply(self._response, self._past[newest : newest + partitions], out=self._products)
        return np.asarray(irfft(self._products.sum(axis=1), 2 * n)[:, n:])
