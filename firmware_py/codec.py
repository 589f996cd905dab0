"""A codec on a bus: what we believe its registers hold, and how to change them. Decide first, act after.

`plan` is pure: it walks a sequence of the description from the state the chip is in and returns the writes that differ.
`apply` is the only thing that writes. When a write is refused it goes back to the settings that stood before, by a plan again,
so that order rules, latches and waits hold on the way back too.

The WM8960 answers no reads on two wires, so the shadow is the only memory of the chip; it never remembers a strobe.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from firmware_py.board import CodecDescription, Step
from firmware_py.bus import Bus
from firmware_py.errors import DescriptionError, FirmwareError, ModeChangeFailed
from firmware_py.registers import Quantity, Register, Value

Words = dict[str, int | None]
"""Register name -> word as far as we know it; None is not known."""


@dataclass(frozen=True)
class Write:
    """One register written: the word before (None: unknown), the word after, and the strobe that goes with it.

    `forgets` names registers whose words are no longer known once this is written.
    """

    register: Register
    before: int | None
    after: int
    strobe: int = 0
    forgets: tuple[str, ...] = ()

    @property
    def word(self) -> int:
        return self.after | self.strobe

    def __str__(self) -> str:
        changed = -1 if self.before is None else (self.before ^ self.after) or -1
        before = "  ?  " if self.before is None else f"0x{self.before:03x}"
        meaning = self.register.meaning(self.word, changed | self.strobe)
        return f"R{self.register.address:<3} {self.register.name:<10} {before} -> 0x{self.word:03x}  {meaning}".rstrip()


@dataclass(frozen=True)
class Wait:
    """A pause that the chip needs, and for what."""

    seconds: float
    reason: str

    def __str__(self) -> str:
        return f"wait {self.seconds * 1e3:.0f} ms ({self.reason})"


@dataclass(frozen=True)
class Plan:
    """What would be written, in order. A value: print it, compare it, count it."""

    sequence: str
    settings: Mapping[str, Value]
    steps: tuple[Write | Wait, ...]
    words: Mapping[str, int | None]  # registers after the plan
    missing: tuple[str, ...] = ()  # what was asked and this chip cannot do, a sentence each

    @property
    def writes(self) -> tuple[Write, ...]:
        return tuple(s for s in self.steps if isinstance(s, Write))

    @property
    def wait_s(self) -> float:
        return sum(s.seconds for s in self.steps if isinstance(s, Wait))

    def __str__(self) -> str:
        asked = [f"  {name} = {_say(value)}" for name, value in self.settings.items()]
        lacks = [f"  missing: {sentence}" for sentence in self.missing]
        total = f"{len(self.writes)} writes, {self.wait_s * 1e3:.0f} ms of waiting"
        return "\n".join([*asked, *lacks, *map(str, self.steps), total])


class _Refused(Exception):
    """A write was not acknowledged: at which step, and why."""


@dataclass
class Codec:
    """A described chip at an address of a bus. `mclk_hz` is what its clock pin gets; `sleep` lets time pass."""

    description: CodecDescription
    bus: Bus
    address: int
    mclk_hz: int
    sleep: Callable[[float], None] = time.sleep
    _words: Words | None = field(default=None, init=False)  # None: nothing is known, a reset comes first
    _doubtful: set[str] = field(default_factory=set, init=False)  # a write was refused, but may have arrived
    _stands: Plan | None = field(default=None, init=False)  # the last plan that was applied whole
    _touched: bool = field(default=False, init=False)

    def plan(self, settings: Mapping[str, Value], sequence: str = "active") -> Plan:
        """Steps from the present state to *settings*, by the named sequence. Touches nothing.

        Raises
        ------
        DescriptionError
            A setting is outside what its field can mean, or a rate has no row in the clock tables.
        """
        return plan(self.description, self._words, settings, sequence, self.mclk_hz, self._doubtful)

    def apply(self, plan: Plan) -> None:
        """Write *plan* to the chip.

        Raises
        ------
        ModeChangeFailed
            A write was refused. On the way to sound the settings that stood before stand again; on the way to silence
            the chip is reset and powered down instead, and only if that is refused too this is raised. The message
            says how it ended; the next plan starts with a reset where nothing is known.
        """
        try:
            self._write(plan)
        except _Refused as error:
            if plan.sequence != "active":
                self._silence(error)
                return
            raise ModeChangeFailed(f"{error}; {self._go_back()}" if self._touched else str(error)) from error
        self._stands = plan

    @property
    def words(self) -> Mapping[str, int | None] | None:
        """The shadow: register name -> word; None while nothing is known."""
        return self._words

    @property
    def applied(self) -> Plan | None:
        """The last plan that was applied whole."""
        return self._stands

    @property
    def touched(self) -> bool:
        """Whether anything was ever written: an untouched chip is not ours to power down."""
        return self._touched

    def forget(self) -> None:
        """Nothing is known of the chip any more (power lost, somebody else wrote): the next plan starts with a reset."""
        self._words = self._stands = None
        self._doubtful.clear()

    def _write(self, plan: Plan) -> None:
        if self._is_stale(plan):
            raise FirmwareError(f"{self.description.title}: this plan was made for another state; plan again")
        for number, step in enumerate(plan.steps, 1):
            if isinstance(step, Wait):
                self.sleep(step.seconds)
                continue
            name = step.register.name
            try:
                self.bus.write(self.address, self.description.map.wire.write_bytes(step.register.address, step.word))
            except OSError as error:
                if error.errno != errno.EBUSY:  # a chip that is somebody else's was not spoken to
                    self._touched = True
                    self._doubtful.add(name)
                where = f"step {number} of {len(plan.steps)} (R{step.register.address} {name})"
                raise _Refused(f"{self.description.title}, {where}: {error.strerror or error}") from error
            self._touched = True
            self._doubtful.discard(name)
            if name == self.description.reset[0]:
                self._words = reset_words(self.description)
            elif self._words is not None:
                self._words |= {name: step.after, **dict.fromkeys(step.forgets)}

    def _is_stale(self, plan: Plan) -> bool:
        """Whether the chip is no longer in the state that a plan starts from."""
        first = {write.register.name: write.before for write in reversed(plan.writes)}
        if self._words is None or self.description.reset[0] in first:
            return bool(first) and self.description.reset[0] not in first
        return any(before not in (None, self._words[name]) for name, before in first.items())

    def _go_back(self) -> str:
        """Return to what stood before a failed plan; in words, how that went."""
        if self._words is None:
            return "the codec was not reached, nothing was changed"
        settings, sequence = (self._stands.settings, self._stands.sequence) if self._stands else ({}, "off")
        try:
            self._write(self.plan(settings, sequence))
        except _Refused as error:
            self.forget()
            return f"the way back failed too ({error}); the codec needs a reset, which the next activation gives it"
        return "the settings before stand again" if self._stands else "the codec is powered down again"

    def _silence(self, refusal: _Refused) -> None:
        """A chip that refuses to go quiet step by step is reset and powered down: never back to sound."""
        self.forget()
        if not self._touched:
            raise ModeChangeFailed(str(refusal)) from refusal
        off = self.plan({}, "off")
        try:
            self._write(off)
        except _Refused as error:
            self.forget()
            raise ModeChangeFailed(f"{refusal}; a reset was refused too ({error}): the codec may still be on") from error
        self._stands = off




def reset_words(codec: CodecDescription) -> Words:
    """Words of all registers right after a reset."""
    return {name: register.reset for name, register in codec.map.registers.items()}


def plan(
    codec: CodecDescription,
    words: Mapping[str, int | None] | None,
    settings: Mapping[str, Value],
    sequence: str,
    mclk_hz: int,
    doubtful: Iterable[str] = (),
) -> Plan:
    """Steps that turn a chip whose registers hold *words* (None: unknown) to *settings*. Pure; see `Codec.plan`.

    Registers named *doubtful* may hold something else: they are written, whatever *words* says.
    """
    walk = _Walk(codec, reset_words(codec) if words is None else dict(words), set(doubtful))
    if words is None:
        register = codec.map.registers[codec.reset[0]]
        walk.steps.append(Write(register, None, codec.reset[1]))
    resolved = resolve(codec, settings, mclk_hz)
    steps = [(step, _targets(codec, step, resolved)) for step in codec.sequences[sequence]]
    for index, (step, targets) in enumerate(steps):
        if not step.guard or walk.will_change(step.guard, [t for s, t in steps[index + 1 :] if not s.guard]):
            walk.take(step, targets)
    missing = [codec.absent[name] for name, value in settings.items() if name in codec.absent and _wanted(value)]
    missing += _compromises(codec, settings, resolved)
    return Plan(sequence, dict(settings), tuple(walk.steps), walk.words, tuple(missing))


def _compromises(
    codec: CodecDescription, settings: Mapping[str, Value], resolved: Mapping[str, Mapping[str, int]]
) -> Iterator[str]:
    """Where the nearest code is not near: a sentence each."""
    for name, value in settings.items():
        control = codec.controls.get(name)
        if control is None or isinstance(value, str | bool) or not control.fields:
            continue
        path = control.fields[0]
        scale = codec.map.find(path)[1].scale
        if not isinstance(scale, Quantity):
            continue
        got = float(scale.decode(resolved[name][path]))
        if control.above is not None and control.above in resolved:
            base = codec.controls[control.above].fields[0]
            got -= float(codec.map.find(base)[1].scale.decode(resolved[control.above][base]))
        far = abs(got - value) > 1.0 if scale.unit.startswith("dB") else not 0.67 * value <= got <= 1.5 * value
        if far:
            yield f"{name} is {got:.3g} {scale.unit}, not {value:g}: {codec.title} has nothing nearer"


@dataclass
class _Walk:
    """A chip's registers while a plan is being made."""

    codec: CodecDescription
    words: Words
    doubtful: set[str]
    steps: list[Write | Wait] = field(default_factory=list)

    def will_change(self, guarded: Iterable[str], later: list[Mapping[str, int]]) -> bool:
        """Whether a later step gives one of these fields another value than it has now."""
        for path in guarded:
            register, bits = self.codec.map.find(path)
            word = self.words[register.name]
            for targets in later:
                unsure = word is None or register.name in self.doubtful
                if path in targets and (unsure or bits.extract(word or 0) != targets[path]):
                    return True
        return False

    def take(self, step: Step, targets: Mapping[str, int]) -> None:
        """Add the writes by which the registers come to hold *targets*."""
        after: dict[str, int] = {}
        for path, code in targets.items():
            register, bits = self.codec.map.find(path)
            after[register.name] = bits.insert(after.get(register.name, self.words[register.name] or 0), code)
        changed = [name for name, word in after.items() if word != self.words[name] or name in self.doubtful]
        writes = [(self.codec.map.registers[name], after[name]) for name in changed]
        self.doubtful -= set(changed)
        last_of_latch = {r.latch.latch: r for r, _ in writes if r.latch}
        for index, (register, word) in enumerate(writes, 1):
            strobe = register.strobes if register.latch and last_of_latch[register.latch.latch] is register else 0
            forgets = step.forget if index == len(writes) else ()
            self.steps.append(Write(register, self.words[register.name], word, strobe, forgets))
            self.words |= {register.name: word, **dict.fromkeys(forgets)}
        if writes and step.wait_ms:
            self.steps.append(Wait(step.wait_ms * 1e-3, step.note))


def _targets(codec: CodecDescription, step: Step, resolved: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Field path -> code for one step; controls that nobody set are left alone."""
    targets = {path: codec.map.find(path)[1].scale.encode(value) for path, value in step.set.items()}
    for name in step.apply:
        targets |= resolved.get(name, {})
    return targets


def resolve(codec: CodecDescription, settings: Mapping[str, Value], mclk_hz: int) -> dict[str, dict[str, int]]:
    """Control name -> field path -> code, for every setting; and the rows of the clock tables as "clock" and "rate"."""
    values = dict(settings)
    for name, value in settings.items():
        if name in codec.controls and codec.controls[name].sum_of:
            coarse, fine = codec.controls[name].sum_of
            values |= dict(zip((coarse, fine), _share(codec, name, coarse, fine, _number(name, value)), strict=True))
    for name, value in values.items():
        above = codec.controls[name].above if name in codec.controls else None
        if above is not None and above in values:
            values[name] = _number(name, value) + _number(above, values[above])
    resolved = {}
    for name, value in values.items():
        if name in codec.controls:
            control = codec.controls[name]
            resolved[name] = {
                path: _encode(codec, name, path, control.words.get(value, value)) for path in control.fields
            }
        elif name != "rate_hz" and name not in codec.absent:
            raise DescriptionError(f"{codec.file or codec.name}: {codec.title} has no control {name!r}")
    if "rate_hz" in values:
        resolved |= _clocks(codec, int(_number("rate_hz", values["rate_hz"])), mclk_hz)
    return resolved


def _clocks(codec: CodecDescription, rate_hz: int, mclk_hz: int) -> dict[str, dict[str, int]]:
    for clock in codec.clocks:
        for rate in codec.rates:
            if clock.mclk_hz == mclk_hz and rate.rate_hz == rate_hz and rate.sysclk_hz == clock.sysclk_hz:
                return {
                    name: {path: _encode(codec, name, path, value) for path, value in row.set.items()}
                    for name, row in (("clock", clock), ("rate", rate))
                }
    able = ", ".join(map(str, codec.rates_at(mclk_hz))) or "no rate at all"
    raise DescriptionError(f"{codec.title} cannot make {rate_hz} Hz from a clock of {mclk_hz} Hz; it can make {able}")


def gain_range_db(codec: CodecDescription, name: str) -> tuple[float, float]:
    """Lowest and highest gain of a control. DescriptionError if it has none in dB."""
    control = codec.controls.get(name)
    parts = control.sum_of or (name,) if control else ()
    scales = [codec.map.find(codec.controls[part].fields[0])[1].scale for part in parts]
    bounds = [scale.bounds for scale in scales if isinstance(scale, Quantity)]
    if not bounds or len(bounds) != len(scales):
        raise DescriptionError(f"{codec.file or codec.name}: {codec.title} has no control {name!r} in dB")
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)


def _share(codec: CodecDescription, name: str, coarse: str, fine: str, total: float) -> tuple[float, float]:
    """Split a gain: the coarse step nearest to the total from which the fine control can reach it."""
    steps, rest = (codec.map.find(codec.controls[part].fields[0])[1].scale for part in (coarse, fine))
    if not isinstance(steps, Quantity) or not isinstance(rest, Quantity):
        raise DescriptionError(f"{codec.title}: {name} is shared between {coarse} and {fine}, which must both be in dB")
    low, high = rest.bounds
    options = [steps.at(code) for code in range(steps.codes[0], steps.codes[1] + 1)]
    reachable = [option for option in options if low <= total - option <= high]
    if not reachable:
        raise DescriptionError(
            f"{codec.title}: {name} {total:g} dB is outside {min(options) + low:g} ... {max(options) + high:g} dB"
        )
    best = min(reachable, key=lambda option: abs(total - option))
    return best, total - best


def _encode(codec: CodecDescription, name: str, path: str, value: Value) -> int:
    try:
        return codec.map.find(path)[1].scale.encode(value)
    except ValueError as error:
        raise DescriptionError(f"{codec.title}: {name} ({path}): {error}") from error


def _number(name: str, value: Value) -> float:
    if isinstance(value, str | bool):
        raise DescriptionError(f"{name} must be a number, not {value!r}")
    return float(value)


def _wanted(value: Value) -> bool:
    """Whether a setting asks for something: 'off' asks for nothing."""
    return value is not False and value != "off"


def _say(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
