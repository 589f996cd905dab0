"""The target's instruction set, emulated: the packages, the kernels and the sound of a Raspberry Pi's processor, without one.

    make aarch64                        everything; a second time it takes the emulation only
    python -m hil.aarch64               the same, when .venv is ready

    what is asked                                                        by
    do our dependencies' aarch64 packages install and import             tests/aarch64/packages_import.py
    does every kernel compile, for a Cortex-A53 and a Cortex-A72         tests/aarch64/kernels_compile.py
    does what they make of fixed sounds equal this machine's             tests/aarch64/same_sound.py
    do the hot kernels use NEON, do they equal their plain twins         tests/dsp/, the very files that run everywhere
    does it hold on the other Python that Raspberry Pi OS ships          both Debians, and a second Python of this machine

The processor is QEMU's user-mode emulation, called by name: no kernel, no binfmt, nothing installed. The rest is Debian's own
packages of arm64 and PyPI's wheels, unpacked into folders of the cache that are named by the digest of what went in.

What it cannot prove: speed (an emulated second says nothing), devices, the kernel's side of ALSA, I2C and GPIO, memory order
(x86 hides what two weakly ordered processors would show). On other than x86-64 there is nothing to emulate, and it says so.
"""
