"""Is what answers on the bus the chip that the description means? Asked before the first write: three codecs share an address.

Evidence is positive (a register that always reads so) or negative (a chip that cannot be read must not answer a read). Where
there is none, nothing can be said: a WM8731 at a WM8960's address looks the same from here.
"""

from __future__ import annotations

from firmware_py.board import CodecDescription
from firmware_py.bus import Bus


def contradiction(codec: CodecDescription, bus: Bus, address: int) -> str:
    """Why what answers at *address* cannot be this codec, as a sentence; empty where nothing speaks against it.

    Nothing is written but the number of a register to read. A chip that does not answer is not contradicted: the first write
    will tell.
    """
    wire, place = codec.map.wire, f"address 0x{address:02x}"
    if not wire.readable:
        try:
            bus.read(address, 1)
        except OSError:
            return ""
        return f"{place} answers a read, which a {codec.title} never does: another chip is there"
    if wire.page is not None and codec.identity and not _is_on_page_0(codec, bus, address):
        return ""
    for evidence in codec.identity:
        register = codec.map.registers[evidence.register]
        try:
            answer = bus.read(address, wire.word_bytes, wire.address_bytes(register.address))
        except OSError:
            return ""
        word = int.from_bytes(answer, "big")
        if (word ^ evidence.word) & evidence.mask:
            wanted, got = (register.word(value & evidence.mask) for value in (evidence.word, word))
            return (
                f"{place}: {register.name} reads {got}, and a {codec.title} has {wanted} there: another chip is there"
            )
    return ""


def _is_on_page_0(codec: CodecDescription, bus: Bus, address: int) -> bool:
    """A process that was killed may have left another page selected; there, other registers have the same addresses."""
    wire = codec.map.wire
    register = codec.map.registers[str(wire.page)]
    try:
        return not int.from_bytes(bus.read(address, wire.word_bytes, wire.address_bytes(register.address)), "big")
    except OSError:
        return False
