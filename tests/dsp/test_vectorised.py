"""What the compiler makes of the small kernels: SIMD where it counts, and never a heap allocation."""

import platform
import re

import numpy as np
import pytest
from numba import jit, njit
from numba.core.runtime import _nrt_python, rtsys

from firmware_py.dsp import biquad, dynamics, frames

PACKED = {
    "x86_64": {
        "convert to float": r"\bv?cvtdq2ps\b",
        "convert to int": r"\bv?cvttps2dq\b",
        "multiply": r"\bv?mulps\b",
        "add": r"\bv?addps\b",
    },
    "aarch64": {
        "convert to float": r"\bscvtf(\.4s|\s+v\d+\.4s)",
        "convert to int": r"\bfcvtz[su](\.4s|\s+v\d+\.4s)",
        "multiply": r"\bfmul(\.4s|\s+v\d+\.4s)",
        "add": r"\bfadd(\.4s|\s+v\d+\.4s)",
    },
}

WORDS = np.zeros((128, 2), dtype=np.int32)
STEREO = np.zeros((128, 2), dtype=np.float32)
MONO = np.zeros(128, dtype=np.float32)
EQUALISER = biquad.BiquadCascade(biquad.voice_eq(16000), 2)
LIMITER = dynamics.Limiter(16000)
AGC = dynamics.AutomaticGain(16000)


@pytest.mark.skipif(platform.machine() not in PACKED, reason="knows the SIMD of x86-64 and aarch64 only")
@pytest.mark.parametrize(
    ("kernel", "arguments", "operations"),
    [
        (frames.to_float,  (WORDS, STEREO),  ["convert to float", "multiply"]),
        (frames.to_int,    (STEREO, WORDS),  ["convert to int", "multiply"]),
        (frames.mono_sum,  (STEREO, MONO),   ["add", "multiply"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_the_kernel_works_on_several_samples_at_once(kernel, arguments, operations):
    fresh = jit(**kernel.targetoptions)(kernel.py_func)  # one from the cache has no assembly to show
    fresh(*arguments)
    (assembly,) = fresh.inspect_asm().values()
    patterns = PACKED[platform.machine()]
    assert [op for op in operations if not re.search(patterns[op], assembly)] == []


def heap_allocations(kernel, arguments):
    """Allocations of one call that are the kernel's own: to hand over an array costs Python one."""
    kernel(*arguments)
    _nrt_python.memsys_enable_stats()
    before = rtsys.get_allocation_stats().alloc
    kernel(*arguments)
    allocated = rtsys.get_allocation_stats().alloc - before
    return allocated - sum(isinstance(argument, np.ndarray) for argument in arguments)


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        (frames.to_float,        (WORDS, STEREO)),
        (frames.to_int,          (STEREO, WORDS)),
        (frames.pick,            (STEREO, 1, MONO)),
        (frames.mono_sum,        (STEREO, MONO)),
        (frames.spread,          (MONO, STEREO)),
        (biquad.biquad_cascade,  (EQUALISER.coefficients, EQUALISER.state, STEREO, STEREO)),
        (dynamics.gain_ramp,     (STEREO, 0.0, 1.0)),
        (dynamics.limit,         (LIMITER.words, STEREO)),
        (dynamics.auto_gain,     (AGC.words, MONO, 1.0)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_the_kernel_allocates_nothing(kernel, arguments):
    assert heap_allocations(kernel, arguments) == 0


def test_the_meter_would_see_an_allocation():
    @njit
    def careless(x):
        return (x * 2.0).copy()[0]

    assert heap_allocations(careless, (MONO,)) > 0
