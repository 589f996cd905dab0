"""The period loop: one compiled call that reads, processes and writes periods of any PCM until told to stop."""

from firmware_py.engine.engine import Engine
from firmware_py.engine.realtime import warn_once
from firmware_py.engine.statistics import Statistics
from firmware_py.engine.warm import kernel_parts

__all__ = ["Engine", "Statistics", "kernel_parts", "warn_once"]
