"""What a chip holds after a scenario of the driver's, and how a field's code moves from scenario to scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from firmware_py.board import CodecDescription
from firmware_py.registers import Field, Register
from hil.witness import Recording, Write


@dataclass(frozen=True)
class Scene:
    """A scenario that was not refused: its name's words, and what the driver takes the chip to hold after it."""

    name: str
    registers: Mapping[int, int]
    written: frozenset[int]

    @property
    def words(self) -> list[str]:
        """Of its name."""
        return self.name.split()

    def code(self, register: Register, field: Field) -> int:
        """What a field holds. A chip that can be read was empty, so what is not known is 0."""
        return field.extract(self.registers.get(register.address, 0))


@dataclass(frozen=True)
class Group:
    """Scenarios that ask for the same kind of thing."""

    scenes: tuple[Scene, ...]

    @classmethod
    def of(cls, recording: Recording, name: str) -> Group:
        """formats, widths, clocks or calls."""
        scenes = []
        for scenario, said in getattr(recording, name).items():
            if isinstance(said, str):
                continue
            writes = {one.register: one.value for one in said if isinstance(one, Write)}
            scenes.append(Scene(scenario, {**recording.registers, **writes}, frozenset(writes)))
        return cls(tuple(scenes))

    def moving(self, codec: CodecDescription) -> Iterator[tuple[Register, Field]]:
        """Fields that are not the same in all of them."""
        for register in codec.map.registers.values():
            if register.page == 0 and register.address in self._written:
                for field in register.fields.values():
                    if len({scene.code(register, field) for scene in self.scenes}) > 1:
                        yield register, field

    @cached_property
    def _written(self) -> frozenset[int]:
        return frozenset(register for scene in self.scenes for register in scene.written)
