"""A mode change as a value, where a kernel driver owns the codec: which mixer controls would move. Pure.

Settings are resolved as they are for registers; their codes then go to the driver's mixer controls instead. What the driver cannot
be asked for is `missing`, a sentence each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from firmware_py.board import CodecDescription, DriverControl, KernelDriver
from firmware_py.codec import Plan, plan
from firmware_py.codec.resolve import Codes, resolve
from firmware_py.errors import DescriptionError
from firmware_py.registers import Quantity, Value, asks, in_words

Level = int | str
"""Where a mixer control stands: a number, or the name of an item as long as nobody has told its number."""

SETTLED = frozenset({"rate_hz", "provider", "playback"})
"""What the driver and its card settle when a stream starts."""


@dataclass(frozen=True)
class State:
    """A mixer control as the card shows it: a number for each channel, and the names of its items if it has such."""

    levels: tuple[int, ...]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """One mixer control moved: where each channel stood (None: not known), where it goes, and what for."""

    control: str
    before: tuple[Level, ...] | None
    after: tuple[Level, ...]
    meaning: str = ""

    def __str__(self) -> str:
        before = "?" if self.before is None else say(self.before)
        return f"{self.control!r} {before} -> {say(self.after)}  {self.meaning}".rstrip()


@dataclass(frozen=True)
class MixerPlan(Plan):
    """What would be moved, in order. It has no steps of registers: `moves` are its steps."""

    moves: tuple[Move, ...] = ()

    def __str__(self) -> str:
        head = super().__str__().splitlines()[:-1]  # what is asked, and what is missing
        return "\n".join([*head, *map(str, self.moves), f"{len(self.moves)} moves of mixer controls"])


@dataclass
class _Goal:
    """Where mixer controls are to stand, and what cannot be."""

    levels: dict[str, tuple[Level, ...]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)  # settings that are not asked for: missing, or figures of what is off

    def put(self, control: str, levels: tuple[Level, ...], meaning: str) -> None:
        self.levels.pop(control, None)  # who comes last has the last word, and the last place
        self.levels[control], self.meanings[control] = levels, meaning


def plan_controls(
    codec: CodecDescription,
    settings: Mapping[str, Value],
    mclk_hz: int,
    states: Mapping[str, State] | None = None,
    sequence: str = "active",
) -> MixerPlan:
    """Moves from *states*, the card's mixer controls by name, to *settings*; None: nothing is known of a card.

    Only on the way to sound is anything to be asked for: a driver takes the power away when streams stop.

    Raises
    ------
    DescriptionError
        A setting is outside what the codec can mean, or nothing is known of a kernel driver for it.
    """
    driver = driver_of(codec)
    if sequence != "active":
        return MixerPlan(sequence, dict(settings), (), {})
    goal = _goal(codec, driver, settings, mclk_hz)
    chip = plan(codec, None, settings, sequence, mclk_hz)
    missing = [sentence for sentence in chip.missing if sentence.split(maxsplit=1)[0] not in goal.left] + goal.missing
    compromises = {name: got for name, got in chip.compromises.items() if name not in goal.left}
    if states is None:
        moves = [Move(name, None, levels, goal.meanings[name]) for name, levels in goal.levels.items()]
    else:
        missing += _fit(goal, states)
        moves = list(_moves(driver, goal, states))
    return MixerPlan(sequence, dict(settings), (), {}, tuple(missing), compromises, tuple(moves))


def way_back(driver: KernelDriver, before: Mapping[str, State], now: Mapping[str, State]) -> tuple[Move, ...]:
    """Moves from *now* to where the controls stood *before*, the last of them as the first one; none is made under the guard."""
    goal = _Goal()
    for name in reversed(list(before)):
        if name in now:
            goal.put(name, before[name].levels, "as it stood")
    return tuple(_moves(driver, goal, now))


def driver_of(codec: CodecDescription) -> KernelDriver:
    """What is known of the kernel's driver. DescriptionError if nothing is."""
    if codec.kernel is None:
        raise DescriptionError(f"{codec.file or codec.name}: nothing is known of a kernel driver; it has no [kernel]")
    return codec.kernel


def mixer_controls(driver: KernelDriver) -> list[str]:
    """Every mixer control that a plan may move."""
    names = [*driver.set, *([driver.guard] if driver.guard else []), *driver.forget]
    for control in driver.controls.values():
        names += control.controls
        names += (name for choice in control.choices.values() for name in choice)
    return list(dict.fromkeys(names))


def _goal(codec: CodecDescription, driver: KernelDriver, settings: Mapping[str, Value], mclk_hz: int) -> _Goal:
    resolved, goal = resolve(codec, settings, mclk_hz), _Goal()
    for name, level in driver.set.items():
        goal.put(name, (level,), "")
    idle = {name for name, value in settings.items() if not asks(value) or not _known(codec, driver, name)}
    for name, value in _parts(codec, settings):
        if name in SETTLED or name in codec.absent:
            continue
        control = driver.controls.get(name)
        if any(name.startswith(f"{switch}_") for switch in idle):
            goal.left.add(name)
        elif not _can(driver, name, value):
            goal.left.add(name)
            goal.missing += _sentences(driver, name, value)
        elif control is not None and control.choices:
            for mixer, level in control.choices[value].items():
                goal.put(mixer, (level,), f"{name} {in_words(value)}")
        elif control is not None:
            _deal(codec, name, control, resolved[name], goal)
    if driver.guard in goal.levels:
        goal.put(driver.guard, goal.levels[driver.guard], goal.meanings[driver.guard])
    return goal


def _parts(codec: CodecDescription, settings: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Settings; a total in the place of which its parts stand."""
    for name, value in settings.items():
        control = codec.controls.get(name)
        for part in (control.sum_of or (name,)) if control else (name,):
            yield part, value


def _deal(codec: CodecDescription, name: str, control: DriverControl, codes: Codes, goal: _Goal) -> None:
    """The fields' codes to the mixer controls, one a channel."""
    paths = codec.controls[name].fields
    share = len(paths) // len(control.controls)
    for index, mixer in enumerate(control.controls):
        mine = paths[index * share : (index + 1) * share]
        levels = tuple(_level(codec, control, path, codes[path]) for path in mine)
        scale = codec.map.find(mine[0])[1].scale
        goal.put(mixer, levels, f"{name} {scale.text(codes[mine[0]])}")


def _level(codec: CodecDescription, control: DriverControl, path: str, code: int) -> int:
    if control.down_from is not None:
        return control.down_from - code
    scale = codec.map.find(path)[1].scale
    if control.scale is not None and isinstance(scale, Quantity):
        return control.scale.nearest(float(scale.decode(code)))
    return code


def _known(codec: CodecDescription, driver: KernelDriver, name: str) -> bool:
    """Whether the driver has anything to do with this."""
    return name in driver.controls or name in SETTLED or bool(name in codec.controls and codec.controls[name].sum_of)


def _can(driver: KernelDriver, name: str, value: Value) -> bool:
    """Whether the driver can be asked for this, or is known to have it so anyway."""
    if name in driver.fixed:
        return in_words(driver.fixed[name]) == in_words(value)
    if name in driver.controls:
        choices = driver.controls[name].choices
        return not choices or value in choices
    return False


def _sentences(driver: KernelDriver, name: str, value: Value) -> Iterator[str]:
    if not asks(value) and name not in driver.fixed and name not in driver.controls:
        yield f"{name}: the kernel driver {driver.name!r} cannot be asked, and whether it is off is not known"
    elif name in driver.absent:
        yield f"{name}: {driver.absent[name]}"
    elif name in driver.fixed:
        yield f"{name}: the kernel driver {driver.name!r} leaves it {in_words(driver.fixed[name])}, not {in_words(value)}"
    elif name in driver.controls:
        yield f"{name}: the kernel driver {driver.name!r} has no control by which it could be {in_words(value)}"
    else:
        yield f"{name}: the kernel driver {driver.name!r} has no control for it"


def _fit(goal: _Goal, states: Mapping[str, State]) -> Iterator[str]:
    """Goals as the card counts them; what this card has not is taken out, a sentence each."""
    for name, levels in list(goal.levels.items()):
        state, what = states.get(name), goal.meanings[name].split(maxsplit=1)[:1]  # the setting, if it is for one
        if state is None:
            del goal.levels[name]
            yield f"{what[0]}: the card has no control {name!r}" if what else f"{name!r}: the card has no such control"
            continue
        known = {item: number for number, item in reversed(list(enumerate(state.items)))}
        unknown = [level for level in levels if isinstance(level, str) and level not in known]
        if unknown:
            del goal.levels[name]
            yield f"{what[0] if what else repr(name)}: the card's control {name!r} has no item {unknown[0]!r}"
            continue
        numbers = tuple(known[level] if isinstance(level, str) else level for level in levels)
        goal.levels[name] = numbers * len(state.levels) if len(numbers) == 1 else numbers[: len(state.levels)]


def _moves(driver: KernelDriver, goal: _Goal, states: Mapping[str, State]) -> Iterator[Move]:
    guard = driver.guard if driver.guard in states else None
    ahead = [
        Move(name, states[name].levels, levels, goal.meanings[name])
        for name, levels in goal.levels.items()
        if levels != states[name].levels and name != guard
    ]
    if guard is None:
        yield from ahead
        return
    stood = states[guard].levels
    end = goal.levels.get(guard, stood)
    quiet = (0,) * len(stood)
    guarded = any(stood)
    if guarded and (ahead or end != stood):
        yield Move(guard, stood, quiet, goal.meanings.get(guard, "") if end == quiet else "while others move")
        stood = quiet
        ahead = list(_again(driver, goal, states, ahead))
    yield from ahead
    if end != stood:
        yield Move(guard, stood, end, goal.meanings.get(guard, ""))


def _again(driver: KernelDriver, goal: _Goal, states: Mapping[str, State], ahead: Iterable[Move]) -> Iterator[Move]:
    """What the chip has moved by itself is moved away and back: a driver writes nothing that it believes to stand."""
    moving = {move.control for move in ahead}
    for name in driver.forget:
        if name in states and name not in moving:
            stood = states[name].levels
            aside = tuple(level - 1 if level else 1 for level in stood)
            yield Move(name, stood, aside, "so that it is written again")
            yield Move(name, aside, stood, goal.meanings.get(name, ""))
    yield from ahead


def say(levels: tuple[Level, ...]) -> str:
    """Levels as a person writes them: one for all channels, where they agree.

    >>> say((3, 3)), say((3, 4)), say(())
    ('3', '3/4', '')
    """
    return str(levels[0]) if len(set(levels)) == 1 else "/".join(map(str, levels))
