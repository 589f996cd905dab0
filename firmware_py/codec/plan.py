"""A mode change as a value: which registers would be written, in which order, with which waits. Pure.

A plan walks a sequence of the description from the state that the chip is in, and holds the writes that differ. What a chip
answers can only be known when it is asked, so a `Poll` stands in the plan with what is written if the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from firmware_py.board import CodecDescription, Step
from firmware_py.board import Poll as PollRule
from firmware_py.codec.resolve import encode, resolve, targets
from firmware_py.registers import Quantity, Register, Value, asks

Words = dict[str, int | None]
"""Register name -> word as far as we know it; None is not known."""


@dataclass(frozen=True)
class Write:
    """One register written: the word before (None: unknown), the word after, and the strobe that goes with it.

    `forgets` names registers whose words are no longer known once this is written; after one that `resets` all are as
    the description says.
    """

    register: Register
    before: int | None
    after: int
    strobe: int = 0
    forgets: tuple[str, ...] = ()
    resets: bool = False

    @property
    def word(self) -> int:
        return self.after | self.strobe

    def __str__(self) -> str:
        register = self.register
        changed = -1 if self.before is None else (self.before ^ self.after) or (-1 if not self.strobe else 0)
        before = "?".center(register.digits + 2) if self.before is None else register.word(self.before)
        meaning = register.meaning(self.word, changed | self.strobe)
        return f"R{register.address:<3} {register.name:<10} {before} -> {register.word(self.word)}  {meaning}".rstrip()


@dataclass(frozen=True)
class Wait:
    """A pause that the chip needs, and for what."""

    seconds: float
    reason: str

    def __str__(self) -> str:
        return f"wait {self.seconds * 1e3:.0f} ms ({self.reason})"


@dataclass(frozen=True)
class Poll:
    """A field that is read until it holds a code; `otherwise` is written if it does not, and without it the plan fails."""

    register: Register
    name: str
    code: int
    every_s: float
    timeout_s: float
    reason: str
    otherwise: tuple[Write, ...] = ()

    def met(self, word: int) -> bool:
        """Whether the register, read as *word*, says so."""
        return self.register.fields[self.name].extract(word) == self.code

    def __str__(self) -> str:
        wanted = f"{self.register.name}.{self.name} = {self.register.fields[self.name].scale.text(self.code)}"
        until = f"read until {wanted}, for {self.timeout_s * 1e3:.0f} ms" if self.timeout_s else f"read {wanted}"
        rest = [f"\n    else {write}" for write in self.otherwise]
        return f"{until} ({self.reason})" + "".join(rest)


@dataclass(frozen=True)
class Plan:
    """What would be written, in order. A value: print it, compare it, count it."""

    sequence: str
    settings: Mapping[str, Value]
    steps: tuple[Write | Wait | Poll, ...]
    words: Mapping[str, int | None]  # registers after the plan
    missing: tuple[str, ...] = ()  # what was asked and this chip cannot do, a sentence each
    compromises: Mapping[str, float] = field(default_factory=dict)  # control -> what it came down to, where that is far

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
        walk.reset()
    resolved = resolve(codec, settings, mclk_hz)
    steps = [
        (step, targets(codec, step, resolved))
        for step in codec.sequences[sequence]
        if all(_same(settings.get(name), word) for name, word in step.when.items())
    ]
    for index, (step, codes) in enumerate(steps):
        later = [t for s, t in steps[index + 1 :] if not s.guard]
        if (step.guard and not walk.will_change(step.guard, later)) or (
            step.after and not walk.has_changed(step.after)
        ):
            continue
        walk.take(step, codes)
    walk.leave_no_doubt_of_the_page()
    missing = [codec.absent[name] for name, value in settings.items() if name in codec.absent and asks(value)]
    compromises = dict(_compromises(codec, settings, resolved))
    for name, got in compromises.items():
        asked = f"{float(settings[name]):g}"
        missing.append(f"{name} is {got:.3g} {_unit(codec, name)}, not {asked}: {codec.title} has nothing nearer")
    return Plan(sequence, dict(settings), tuple(walk.steps), walk.words, tuple(missing), compromises)


def _compromises(
    codec: CodecDescription, settings: Mapping[str, Value], resolved: Mapping[str, Mapping[str, int]]
) -> Iterator[tuple[str, float]]:
    """Where the nearest code is not near: the control, and what it came down to."""
    rate_hz = float(settings.get("rate_hz", 0.0))
    for name, value in settings.items():
        control = codec.controls.get(name)
        if control is None or isinstance(value, str | bool) or not (control.fields or control.sum_of):
            continue
        got = sum((_met(codec, part, resolved, rate_hz) for part in control.sum_of or (name,)), 0.0)
        if control.above is not None and control.above in resolved:
            got -= _met(codec, control.above, resolved, rate_hz)
        unit = _unit(codec, name)
        if unit and (abs(got - value) > 1.0 if unit.startswith("dB") else not 0.67 * value <= got <= 1.5 * value):
            yield name, got


def _met(codec: CodecDescription, name: str, resolved: Mapping[str, Mapping[str, int]], rate_hz: float) -> float:
    """What a control of one quantity comes to."""
    control = codec.controls[name]
    path = control.fields[0]
    scale = codec.map.find(path)[1].scale
    got = float(scale.decode(resolved[name][path])) if isinstance(scale, Quantity) else 0.0
    got -= control.offsets[0] if control.offsets else 0.0
    return got * 1e3 / rate_hz if scale.unit == "samples" and rate_hz else got


def _unit(codec: CodecDescription, name: str) -> str:
    """The unit in which people speak of a control; empty if it is no quantity."""
    control = codec.controls[name]
    scale = codec.map.find(codec.controls[control.sum_of[0]].fields[0] if control.sum_of else control.fields[0])[
        1
    ].scale
    if not isinstance(scale, Quantity):
        return ""
    return "ms" if scale.unit == "samples" else scale.unit


@dataclass
class _Walk:
    """A chip's registers while a plan is being made."""

    codec: CodecDescription
    words: Words
    doubtful: set[str]
    steps: list[Write | Wait | Poll] = field(default_factory=list)
    _changed: dict[str, int] = field(default_factory=dict)  # register -> bits that this plan has changed

    def reset(self) -> None:
        """A chip of which nothing is known is brought to its reset words first."""
        how, registers = self.codec.reset, self.codec.map.registers
        writes = [(registers[name], word) for name, word in how.writes]
        if how.defaults:
            writes += [(r, r.reset) for r in registers.values() if r.reset is not None and r.known]
        self.steps += [
            Write(register, None, word, resets=number == len(writes))
            for number, (register, word) in enumerate(writes, 1)
        ]
        if how.wait_ms:
            self.steps.append(Wait(how.wait_ms * 1e-3, "after the reset"))
        self._changed = dict.fromkeys(registers, -1)

    def will_change(self, guarded: Iterable[str], later: Sequence[Mapping[str, int]]) -> bool:
        """Whether a later step gives one of these fields another value than it has now."""
        for path in guarded:
            register, bits = self.codec.map.find(path)
            word = self.words[register.name]
            for codes in later:
                unsure = word is None or register.name in self.doubtful
                if path in codes and (unsure or bits.extract(word or 0) != codes[path]):
                    return True
        return False

    def has_changed(self, paths: Iterable[str]) -> bool:
        """Whether this plan has changed one of these fields so far."""
        found = (self.codec.map.find(path) for path in paths)
        return any(self._changed.get(register.name, 0) & bits.mask for register, bits in found)

    def take(self, step: Step, codes: Mapping[str, int]) -> None:
        """Add the writes by which the registers come to hold *codes*, and what the step has after them."""
        writes = self._writes(step, codes)
        for index, write in enumerate(writes, 1):
            self._select_page(write.register)
            self.steps.append(write if index < len(writes) else Write(**{**vars(write), "forgets": step.forget}))
            self._note(write)
        self.words |= dict.fromkeys(step.forget if writes else ())
        if writes and step.wait_ms:
            self.steps.append(Wait(step.wait_ms * 1e-3, step.note))
        if step.poll and (writes or not codes):
            self.steps.append(self._poll(step.poll, step.note))

    def _writes(self, step: Step, codes: Mapping[str, int]) -> list[Write]:
        registers = self.codec.map.registers
        after: dict[str, int] = {}
        starts: dict[str, int] = {}  # register -> self-clearing bits that start something
        for path, code in codes.items():
            register, bits = self.codec.map.find(path)
            known = self.words[register.name]
            word = after.setdefault(register.name, (register.reset or 0) if known is None else known)
            if bits.self_clearing:
                starts[register.name] = starts.get(register.name, 0) | bits.insert(0, code)
            else:
                after[register.name] = bits.insert(word, code)
        changed = [n for n, word in after.items() if word != self.words[n] or n in self.doubtful or starts.get(n)]
        if any(name in step.together for name in changed):
            after |= {name: self.words[name] or 0 for name in step.together if name not in after}
            changed = [*step.together, *(name for name in changed if name not in step.together)]
        self.doubtful -= set(changed)
        last_of_latch = {registers[n].latch.latch: n for n in changed if registers[n].latch}  # type: ignore[union-attr]
        writes = []
        for name in changed:
            latch = registers[name].latch
            strobe = registers[name].strobes if latch and last_of_latch[latch.latch] == name else 0
            writes.append(Write(registers[name], self.words[name], after[name], strobe | starts.get(name, 0)))
        return writes

    def _note(self, write: Write) -> None:
        name = write.register.name
        bits = -1 if write.before is None else write.before ^ write.after
        self._changed[name] = self._changed.get(name, 0) | bits
        self.words[name] = write.after

    def _select_page(self, register: Register) -> None:
        select = self.codec.map.wire.page
        if select is None or register.name == select:
            return
        if self.words[select] == register.page and select not in self.doubtful:
            return
        self.doubtful.discard(select)
        write = Write(self.codec.map.registers[select], self.words[select], register.page)
        self.steps.append(write)
        self.words[select] = write.after

    def leave_no_doubt_of_the_page(self) -> None:
        """Where a selection of the page may or may not have arrived, it is made again, whatever the plan was about."""
        select = self.codec.map.wire.page
        if select in self.doubtful:
            self._select_page(next(iter(self.codec.map.registers.values())))

    def _poll(self, rule: PollRule, note: str) -> Poll:
        register, bits = self.codec.map.find(rule.path)
        self._select_page(register)
        code = encode(self.codec, note, rule.path, rule.value)
        codes = {path: encode(self.codec, note, path, value) for path, value in rule.otherwise.items()}
        fallback = tuple(self._writes(Step(note), codes))
        return Poll(register, bits.name, code, rule.every_ms * 1e-3, rule.timeout_ms * 1e-3, note, fallback)


def _same(value: Value | None, word: Value) -> bool:
    """Whether a setting is what a step's `when` says; a mode says True where a description says "on"."""
    said = ("on" if value else "off") if isinstance(value, bool) else value
    return said == word


def _say(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
