"""The one way kernels are compiled here, and where the compiled ones are kept.

Numba's own cache notices an edit of the file that holds a function, but not of a file it calls into. So the cache lives in a
folder named by the digest of every kernel source: change one character and all kernels are compiled again, once.
The folder is `$AUDIOHAT_CACHE`, else `$XDG_CACHE_HOME/audiohat`, else `~/.cache/audiohat`. `$NUMBA_CACHE_DIR`, when set, wins.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit

KERNEL_ROOMS = ("dsp", "engine", "pcm")
_PACKAGE = Path(__file__).resolve().parent.parent
_MONTH_S = 30 * 86_400.0


def kernel_digest() -> str:
    """Digest of every source file that may hold a kernel, and of the compiler's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(path for room in KERNEL_ROOMS for path in (_PACKAGE / room).glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where compiled kernels are kept; a private temporary folder, gone at exit, when the home is read-only."""
    try:
        folder = _home() / f"kernels-{kernel_digest()}"
        if not folder.exists():
            folder.mkdir(parents=True)
            _remove_old(folder)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home at all
        pass
    temporary = tempfile.mkdtemp(prefix="audiohat-kernels-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary)


def _home() -> Path:
    named, xdg = os.environ.get("AUDIOHAT_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path(xdg) / "audiohat" if xdg else Path.home() / ".cache" / "audiohat"


def _remove_old(folder: Path) -> None:
    """Kernels of other versions that nobody has loaded for a month."""
    for other in folder.parent.glob("kernels-*"):
        if other != folder and time.time() - other.stat().st_mtime > _MONTH_S:
            shutil.rmtree(other, ignore_errors=True)


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]  # made at import, unseen by its stubs

OPTIONS: dict[str, Any] = {
    "_nrt": False,  # numba's reference-counted heap is out of reach: a kernel that would allocate does not compile
    "nogil": True,  # other Python threads run on while audio is processed
    "cache": True,  # no compiler between a button and its sound after the first start
    "error_model": "numpy",  # a division by zero is inf, not an exception
    "fastmath": {"reassoc", "nsz", "arcp", "contract"},  # sums may be vectorised; NaN stays NaN, so a guard can see it
}

INDEX = 0x7FFFFFFF
"""`i & INDEX`: an index read from memory or handed over is not negative. Unless LLVM knows that, it does not vectorise."""

realtime: Callable[[Callable[..., Any]], Any] = njit(**OPTIONS)
