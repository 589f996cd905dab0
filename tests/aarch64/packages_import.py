"""What the product stands on, on the target: each package imports, and periods pass through libasound.

Not collected by itself: `make aarch64` names it, see hil.aarch64. So may a Raspberry Pi.
"""

import importlib
import importlib.util
import sys

import numpy as np
import pytest

from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.portable import PyAlsaPcm


@pytest.mark.parametrize(
    "package", ["alsaaudio", "gpiozero", "lgpio", "llvmlite", "msgspec", "numba", "numpy", "rich", "smbus2"]
)
def test_it_imports(package, tmp_path, monkeypatch):
    if package == "lgpio" and sys.version_info >= (3, 13) and not importlib.util.find_spec(package):
        pytest.skip("PyPI has no wheel for this Python and Debian no python3-lgpio; Raspberry Pi OS brings its own")
    monkeypatch.setenv("LG_WD", str(tmp_path))  # lgpio moves the process to where it makes a pipe
    monkeypatch.chdir(tmp_path)
    importlib.import_module(package)


@pytest.mark.parametrize("kind", [AlsaPcm, PyAlsaPcm])
def test_a_period_comes_and_goes_through_libasound(kind):
    """From compiled code and from pyalsaaudio; `null` is libasound's own, there is no kernel behind it."""
    pcm, period = kind("null"), np.zeros((128, 2), np.int32)
    pcm.open(16_000, 128, preroll_frames=176)
    assert (pcm.read_into(period), pcm.write_from(period)) == (128, 128)
    pcm.close()
