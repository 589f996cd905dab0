"""The one way kernels are compiled here, and where the compiled ones are kept.

Numba's own cache notices an edit of the file that holds a function, but not of a file it calls into. So the cache lives in a
folder named by the digest of every kernel source: change one character and all kernels are compiled again, once.
The folder is `$AUDIOHAT_CACHE`, else `$XDG_CACHE_HOME/audiohat`, else `~/.cache/audiohat`. `$NUMBA_CACHE_DIR`, when set, wins.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit

_PACKAGE = Path(__file__).resolve().parent.parent


def kernel_digest() -> str:
    """Digest of every source file that may hold a kernel, and of the compiler's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted([*(_PACKAGE / "dsp").glob("*.py"), *(_PACKAGE / "engine").glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where compiled kernels are kept; a private temporary folder when the home is read-only."""
    base = os.environ.get("AUDIOHAT_CACHE") or (
        os.environ.get("XDG_CACHE_HOME", "") and os.path.join(os.environ["XDG_CACHE_HOME"], "audiohat")
    )
    home = Path(base) if base else Path.home() / ".cache" / "audiohat"
    folder = home / f"kernels-{kernel_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="audiohat-kernels-"))


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]  # made at import, unseen by its stubs

_OPTIONS: dict[str, Any] = {
    "_nrt": False,  # numba's reference-counted heap is out of reach: a kernel that would allocate does not compile
    "nogil": True,  # other Python threads run on while audio is processed
    "cache": True,  # no compiler between a button and its sound after the first start
    "error_model": "numpy",  # a division by zero is inf, not an exception
    "fastmath": {"reassoc", "nsz", "arcp", "contract"},  # sums may be vectorised; NaN stays NaN, so a guard can see it
}

realtime: Callable[[Callable[..., Any]], Any] = njit(**_OPTIONS)
