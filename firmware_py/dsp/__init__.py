"""Signal processing as numba kernels, and the objects round them. Knows no card, board or session."""

from firmware_py.dsp.echo import EchoCanceller, EchoStatus

__all__ = ["EchoCanceller", "EchoStatus"]
