"""What a codec chip and a HAT are, beyond registers: controls, sequences, clocks, ports, buttons, LEDs. Frozen facts, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from firmware_py.registers import Quantity, RegisterMap, Value


@dataclass(frozen=True)
class Control:
    """A neutral name for what a mode may ask of a codec, and how this codec does it.

    Exactly one of three shapes:
    - `fields`: the value goes to each field, plus the field's own offset if `offsets` has one; `words` translates neutral
      words into the fields' own first (a description's "on" and "off" are there as True and False too).
    - `choices`: a word means a table of settings, field path -> value: a role that is spread over registers.
    - `sum_of`: a total in dB shared between two controls, a coarse one (few steps) and a fine one.

    above     the value is counted from what another control was set to (a ceiling "+12 dB above the gain")
    on        "on" means what this other control is set to: enable and level live in one field
    nearest   what the field cannot mean is met as nearly as it can, and the plan says so
    only_with it is nothing to ask for unless the source opens this other control (a microphone's gain, of a line input)
    """

    name: str
    fields: tuple[str, ...] = ()
    words: Mapping[Value, Value] = field(default_factory=dict)
    offsets: tuple[float, ...] = ()
    choices: Mapping[Value, Mapping[str, Value]] = field(default_factory=dict)
    sum_of: tuple[str, ...] = ()
    above: str | None = None
    on: str | None = None
    nearest: bool = False
    only_with: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every field that it may set."""
        return (*self.fields, *dict.fromkeys(path for choice in self.choices.values() for path in choice))


@dataclass(frozen=True)
class Poll:
    """A field of the chip that is read until it has a value.

    With `otherwise` (field path -> value) these are written when it has not by then; without, the plan fails.
    """

    path: str
    value: Value
    every_ms: float
    timeout_ms: float
    otherwise: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a sequence: the writes it stands for happen only where the chip is not yet so.

    guard    fields; the step is taken only when a later step is about to change one of them
    after    fields; the step is taken only when an earlier step of the same plan has changed one of them
    when     control -> word; the step is taken only with these settings
    set      field path -> value, always the same
    apply    names of controls whose settings are written here; "clock" and "rate" stand for the rows of the clock tables
    together registers that are written in this order all of them if one of them changes
    wait_ms  pause after the step, if it wrote anything
    poll     what has to come true after the step, if it wrote anything or has nothing to write
    forget   registers whose word is no longer known once the step wrote (the chip moves them itself: PGA gains under ALC),
             so that the next step that sets them writes them, whatever the shadow held
    """

    note: str
    set: Mapping[str, Value] = field(default_factory=dict)
    apply: tuple[str, ...] = ()
    guard: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    when: Mapping[str, Value] = field(default_factory=dict)
    together: tuple[str, ...] = ()
    wait_ms: float = 0.0
    poll: Poll | None = None
    forget: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reset:
    """How a chip is brought to its reset words: writes in their order, a pause, and, where the chip has no reset of its
    own (`defaults`), every word written out."""

    writes: tuple[tuple[str, int], ...] = ()
    wait_ms: float = 0.0
    defaults: bool = False


@dataclass(frozen=True)
class Evidence:
    """What a chip of this kind shows on the bus: a register that always reads so, in the bits of `mask`."""

    register: str
    word: int
    mask: int


@dataclass(frozen=True)
class ClockRow:
    """A row of a clock table: for these frequencies, these fields."""

    set: Mapping[str, Value]
    mclk_hz: int | None = None
    sysclk_hz: int | None = None
    rate_hz: int | None = None


@dataclass(frozen=True)
class DriverControl:
    """How a kernel driver takes what a neutral control asks, by its mixer controls. One of two shapes:

    - `controls`: the codes of the neutral control's fields, dealt to these mixer controls in order, one to a channel. A mixer
      control that counts the other way round is `down_from` its highest number; one that counts otherwise has a `scale`.
    - `choices`: a word means numbers, or names of items, of these mixer controls.
    """

    controls: tuple[str, ...] = ()
    down_from: int | None = None
    scale: Quantity | None = None
    choices: Mapping[Value, Mapping[str, int | str]] = field(default_factory=dict)


@dataclass(frozen=True)
class KernelDriver:
    """The kernel's own driver of a codec: what it is called, and what it can be asked for.

    set      mixer controls that are the same in every mode
    fixed    neutral controls that this driver leaves as they are, and how that is
    absent   neutral control -> why it cannot be asked for, where there is more to say than that it cannot
    guard    a mixer control that is 0 while any other moves
    forget   mixer controls that the chip moves itself while the guard is not 0: they are written again after it
    """

    name: str
    dai: str
    controls: Mapping[str, DriverControl]
    set: Mapping[str, int | str] = field(default_factory=dict)
    fixed: Mapping[str, Value] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    guard: str | None = None
    forget: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodecDescription:
    """A codec as its description file tells it."""

    name: str
    title: str
    source: str
    map: RegisterMap
    addresses: tuple[int, ...]
    reset: Reset
    controls: Mapping[str, Control]
    absent: Mapping[str, str]  # control -> why this chip has none, as one sentence
    defaults: Mapping[str, Value]  # of controls that a board decides, where it says nothing else
    sequences: Mapping[str, tuple[Step, ...]]  # "active", "standby", "off"
    clocks: tuple[ClockRow, ...]  # MCLK -> SYSCLK
    rates: tuple[ClockRow, ...]  # SYSCLK -> frame rate
    full_scale_dbv: float  # RMS of the sine that reads 0 dBFS at 0 dB gain
    identity: tuple[Evidence, ...] = ()  # none: it cannot be told from its neighbours
    kernel: KernelDriver | None = None  # none: nothing is known of a kernel driver
    file: str = ""

    def rates_at(self, mclk_hz: int) -> list[int]:
        """Frame rates this codec can make from that MCLK."""
        sysclks = {row.sysclk_hz for row in self.clocks if row.mclk_hz == mclk_hz}
        return sorted({row.rate_hz for row in self.rates if row.sysclk_hz in sysclks and row.rate_hz})

    def limited_to(self, rates_hz: Collection[float]) -> CodecDescription:
        """The same codec where what it is wired to takes no other frame rates."""
        return replace(self, rates=tuple(row for row in self.rates if row.rate_hz in rates_hz))


@dataclass(frozen=True)
class Port:
    """A place where sound enters or leaves. Types are Apple's port types; `set` are the controls that open it."""

    name: str
    kind: str  # "input" | "output"
    type: str  # builtInMic, builtInSpeaker, headphones ...
    set: Mapping[str, Value]
    needs_mic_bias: bool = False
    sensitivity_dbv: float | None = None  # of the microphone, RMS volts re 1 V at 94 dB SPL
    source: str = ""


@dataclass(frozen=True)
class Button:
    """A button on a GPIO line. `gpio` is the Broadcom number."""

    name: str
    gpio: int
    active: str = "low"  # "low" | "high"
    pull: str = "up"  # "up" | "down" | "none"


@dataclass(frozen=True)
class AddressableLeds:
    """A chain of LEDs with a chip each, on a clock and a data line."""

    kind: str  # "apa102"
    count: int
    data_gpio: int
    clock_gpio: int


@dataclass(frozen=True)
class PlainLed:
    """One LED on one GPIO line."""

    name: str
    gpio: int
    colour: str
    active: str = "high"


@dataclass(frozen=True)
class Board:
    """A HAT: a codec with wiring."""

    name: str
    title: str
    source: str
    codec: CodecDescription
    i2c_bus: int
    i2c_address: int
    mclk_hz: int
    clock_provider: str  # "codec" | "host"
    card: str  # id of the sound card that our overlay makes
    overlay: str
    ports: Mapping[str, Port]
    defaults: Mapping[str, Value] = field(default_factory=dict)  # in every mode: the codec's, then its own
    modes: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # ... and in one mode only
    rates_hz: tuple[float, ...] = ()  # the only frame rates of its card; its codec has no others then
    buttons: tuple[Button, ...] = ()
    leds: AddressableLeds | tuple[PlainLed, ...] = ()
    file: str = ""

    def port(self, kind: str) -> Port:
        """The first port of that kind: the primary microphone, the primary loudspeaker."""
        return next(p for p in self.ports.values() if p.kind == kind)
