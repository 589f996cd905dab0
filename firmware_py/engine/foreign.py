"""Calls out of compiled code: a C function, known only by its address, with three integers.

The address comes in as a number at run time, so the compiled caller holds no address of this process and can be cached.
libasound's functions and a Python object's methods (wrapped by ctypes) look the same from inside the loop.
"""

from __future__ import annotations

import ctypes
import errno
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from firmware_py.pcm import Frames, Pcm

READ, WRITE, RECOVER, HANDLE, CAPTURE, PLAYBACK, ENTRIES = range(7)
"""Words of an entry table: three functions, the handle they get, and the two buffers."""

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@intrinsic
def _call(typing_context: Any, address: Any, first: Any, second: Any, third: Any) -> Any:
    """int64 result of the function at *address*, called with three int64."""
    word = types.int64

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word_ir = ir.IntType(64)
        pointer = ir.FunctionType(word_ir, [word_ir] * 3).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], pointer), arguments[1:])

    return word(word, word, word, word), generate


call: Any = _call  # the first argument is numba's own: a caller gives four


class Entry:
    """The entry table of a PCM written in Python. Keeps its callbacks alive, and the first exception one of them raised."""

    def __init__(self, pcm: Pcm, capture: Frames, playback: Frames) -> None:
        self.error: BaseException | None = None
        operations: tuple[Callable[[], int], ...] = (
            lambda: pcm.read_into(capture),
            lambda: pcm.write_from(playback),
            pcm.recover,
        )
        self._callbacks = [_FUNCTION(self._guard(operation)) for operation in operations]
        self.table: NDArray[np.int64] = np.zeros(ENTRIES, np.int64)
        self.table[:HANDLE] = [ctypes.cast(c, ctypes.c_void_p).value or 0 for c in self._callbacks]
        self.table[CAPTURE], self.table[PLAYBACK] = capture.ctypes.data, playback.ctypes.data

    def _guard(self, operation: Callable[[], int]) -> Callable[[int, int, int], int]:
        def entered(_handle: int, _buffer: int, _frames: int) -> int:
            try:
                return operation()
            except BaseException:  # nothing may cross compiled code; the engine raises it again behind the loop
                self.error = self.error or sys.exc_info()[1]
                return -errno.EIO

        return entered
