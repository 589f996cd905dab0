"""Every kernel of the product, compiled for the target; or loaded, if this very source was compiled in an earlier run.

Not collected by itself: `make aarch64` names it, see hil.aarch64. So may a Raspberry Pi.
"""

import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

from firmware_py.engine.warm import kernel_parts

PARTS = kernel_parts()


@pytest.mark.parametrize("part", PARTS)
def test_the_part_compiles(part):
    PARTS[part]()


def test_no_kernel_is_left_that_no_part_has_compiled():
    product = [module for name, module in sorted(sys.modules.items()) if name.startswith("firmware_py.")]
    kernels = [
        kernel.py_func
        for module in product
        for kernel in vars(module).values()
        if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == module.__name__
    ]
    assert len(kernels) > 50
    assert [kernel for kernel in kernels if not kept(kernel)] == []


def kept(kernel):
    """Whether numba has kept it: in a folder named by the digest of the source, under its module's name and its own."""
    module = sys.modules[kernel.__module__]
    folder = Path(getattr(module, kernel.__name__).stats.cache_path)
    return list(folder.glob(f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}-*.nbi"))
