"""The third witness: what the Linux kernel's own codec drivers, unmodified, write to their chips.

    make witness                                   record them again, on the kernel bench: hil/witness/recordings/CODEC.json
    python -m hil.witness wm8731 --results out/    one of them, elsewhere
    hil.witness.load("wm8731").controls["Mic Boost Volume"].moves[0].register

It reads no description of a board or a codec, and no data sheet: a driver moves its controls and streams, on a bus that listens.
It is one witness, not the chip: a driver's error is recorded like all else.

A recording is JSON. What was written is text: `0F=000 06=07F ~250 08=002` is three registers and a pause of 250 ms (two digits
of it are kept). A control has its range, decibels as straight pieces [from value, to value, dB, dB, lowest is silence], and
`moves`: [channel, register, msb, lsb, value -> code, bits set along]. Only `steps` that these would not have foretold are kept.
Bits of a chip that can be read are 0 before they are written: its memory is empty, not the real chip's reset table.
"""

from hil.witness.recording import Control, Move, Recording, load, recorded
from hil.witness.writes import Pause, Write

__all__ = ["Control", "Move", "Pause", "Recording", "Write", "load", "recorded"]
