"""A new process as a device is one: how long until its first period, and what it holds then. Run as a program, prints two numbers.

Everything that a served device loads is loaded. Scipy is not: a device has none, and numba would load it for linear algebra that no
kernel uses.
"""

from __future__ import annotations

import os
import sys
import time


def age_s() -> float:
    """Of this process, interpreter start included."""
    with open("/proc/self/stat") as file:
        started_ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def resident_mb() -> float:
    """Memory of this process that is in RAM."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024.0


def main() -> None:
    """Start, and print what it took."""
    sys.modules["scipy"] = None  # type: ignore[assignment]  # how Python says that a module is not to be had
    import alsaaudio  # noqa: F401  # loaded, as a device loads it
    import gpiozero  # noqa: F401  # as above
    import smbus2  # noqa: F401  # as above

    import firmware_py.cli.serve  # noqa: F401  # as above
    from firmware_py.engine import Engine, kernel_parts
    from firmware_py.modes import PROFILES, Mode
    from firmware_py.pcm.alsa import AlsaPcm

    for compile_part in kernel_parts().values():
        compile_part()
    engine = Engine(AlsaPcm("null"), PROFILES[Mode.VOICE_CHAT])
    engine.open()
    engine.run(1)
    print(age_s(), resident_mb())
    engine.close()


if __name__ == "__main__":
    main()
