"""Benches: a device under test with a rig around it. The one place that knows both the product and the simulation."""

from firmware_py.errors import FirmwareError as ProductError
from firmware_py.explain import certificate_file
from hil.bench.virtual import Take, VirtualBench

__all__ = ["ProductError", "Take", "VirtualBench", "certificate_file"]
