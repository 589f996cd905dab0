"""The kernel bench: a Linux kernel as a program, with sound cards, an I2C bus and GPIO lines that need no hardware.

    make kernel-bench                                              build it once, then run tests/kernel/ in it
    python -m hil.kernel run -- python3 -c 'print("hello")'        any command; its exit code is the exit code
    python -m hil.kernel run --real-time --results out/ -- sh job.sh

It is User Mode Linux: the host's programs, libraries and .venv, on a kernel of our own, as an ordinary process without privilege.

    what the job finds
    /dev/snd            snd-aloop, twice: cards `Loopback` and `Second`, eight substreams each
    /dev/i2c-1          bench_i2c: a true adapter; one write-only chip at 0x1a; log and faults in /sys/kernel/debug/bench_i2c
    gpio-sim            loaded, to be set up in /sys/kernel/config/gpio-sim; /proc/cpuinfo says Raspberry Pi 4B
    modprobe            snd-soc-{wm8960,wm8731-i2c,sgtl5000,tlv320aic3x-i2c,da7213,es8328-i2c}, and bench_card, which makes
                        a sound card around one of them
    the file system     the host's, as the caller may read it, under a layer in memory: everything may be written, nothing stays
    $AUDIOHAT_RESULTS   the one folder whose files reach the host
    $AUDIOHAT_CACHE     the host's: kernels that numba has compiled there are not compiled again
    $AUDIOHAT_KERNEL_BENCH=1, $HOME and $TMPDIR of its own

Time is virtual: work takes none, and a sleep is over when everybody sleeps. An hour of audio takes seconds and has no jitter.
`--real-time` makes it the host's.

What it proves: that the libraries and the kernel's interfaces are used rightly: errno, xruns and their repair, edges and their
order, what is on the I2C wire, who owns a chip, what the kernel's codec drivers offer.

What it cannot prove: speed, load or overload (in virtual time the processor is infinitely fast; no speed is ever judged there);
races between processors (there is one); anything of a Raspberry Pi's own: I2S and its DMA, clock stretching, pin muxing,
device-tree overlays; anything analogue. On other than x86-64 it does not run at all, and says so.
"""

from hil.kernel.build import Bench, BuildFailed, NotHere, prepare
from hil.kernel.guest import Ended, GuestFault, run

__all__ = ["Bench", "BuildFailed", "Ended", "GuestFault", "NotHere", "prepare", "run"]
