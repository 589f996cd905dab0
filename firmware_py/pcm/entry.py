"""How the compiled loop reaches a card: a table of three functions, a handle, and two buffers. Addresses, nothing else.

The addresses come in as numbers at run time, so the compiled caller holds no address of this process and can be cached.
A card that is compiled itself (`alsa`) brings its functions; a Python object's methods are wrapped by ctypes. From inside
the loop they look the same: `function(handle, buffer, frames) -> frames or -errno`.
"""

from __future__ import annotations

import ctypes
import errno
import sys
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

from firmware_py.pcm import Frames, Pcm

READ, WRITE, RECOVER, HANDLE, CAPTURE, PLAYBACK, CLOCK, INSTANT, ENTRIES = range(9)
"""Words of an entry table: the card's three functions and the handle they get, the two buffers, and clock_gettime with
the place of its answer (int64 seconds, int64 nanoseconds)."""

MONOTONIC = 1
"""CLOCK_MONOTONIC, for clock_gettime."""

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


@intrinsic
def _words_at(typing_context: Any, address: Any, count: Any) -> Any:
    """int64[count] at *address*, as an array that owns nothing."""
    array_type = types.Array(types.int64, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = make_array(array_type)(context, builder)
        data = builder.inttoptr(arguments[0], array.data.type)
        size = ir.Constant(ir.IntType(64), 8)
        populate_array(array, data, [arguments[1]], [size], size, None)
        return array._getvalue()

    return array_type(types.int64, types.int64), generate


words_at: Any = _words_at


@runtime_checkable
class Compiled(Protocol):
    """A card that the loop can call without the interpreter."""

    def functions(self) -> tuple[int, int, int, int]:
        """Addresses of read, write and recover, and the handle they want. Good until the card is opened anew or closed."""


def address_of(function: Any) -> int:
    """Address of a ctypes function or callback."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Entry:
    """The entry table of a card. Keeps callbacks alive, and the first exception one of them raised."""

    def __init__(self, pcm: Pcm, capture: Frames, playback: Frames) -> None:
        self.error: BaseException | None = None
        self.table: NDArray[np.int64] = np.zeros(ENTRIES, np.int64)
        self._pcm, self._instant = pcm, np.zeros(2, np.int64)
        operations: tuple[Callable[[int], int], ...] = (
            lambda frames: pcm.read_into(capture[:frames]),
            lambda frames: pcm.write_from(playback[:frames]),
            pcm.recover,
        )
        self._callbacks = [_FUNCTION(self._guard(operation)) for operation in operations]
        self.table[:HANDLE] = [address_of(callback) for callback in self._callbacks]
        self.table[CAPTURE], self.table[PLAYBACK] = capture.ctypes.data, playback.ctypes.data
        self.table[CLOCK] = address_of(ctypes.CDLL(None).clock_gettime)
        self.table[INSTANT] = self._instant.ctypes.data

    def refresh(self) -> None:
        """The card was opened: a compiled one has its functions now."""
        if isinstance(self._pcm, Compiled):
            self.table[: HANDLE + 1] = self._pcm.functions()

    def _guard(self, operation: Callable[[int], int]) -> Callable[[int, int, int], int]:
        def entered(_handle: int, _buffer: int, frames: int) -> int:
            try:
                return operation(frames)
            except BaseException:  # nothing may cross compiled code; the engine raises it again behind the loop
                self.error = self.error or sys.exc_info()[1]
                return -errno.EIO

        return entered
