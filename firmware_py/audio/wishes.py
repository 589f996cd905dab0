"""What one session asks for: category, mode, options and hints, and what follows from them. Frozen; decides, never acts.

Each method returns new wishes or refuses; whether the session may change them now is asked elsewhere (`scene`).
Misuse of a mode is no error: the mode stays readable as asked for, and the effective one is Default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self, TypeVar

from firmware_py.audio.constants import PROPERTIES, AudioSessionError, ErrorCode, OverrideRoute, PropertyID
from firmware_py.errors import nearest
from firmware_py.modes import Category, Mode, effective_mode

_Name = TypeVar("_Name", bound=StrEnum)


@dataclass(frozen=True)
class Wishes:
    """What a session asks for; a new one asks for nothing special.

    The three options `mix_with_others`, `default_to_speaker` and `bluetooth_input` are not sticky: a change of category
    resets them, a change of mode all but the first. `source` and `destination` name ports, None is the usual one.
    """

    category: Category = Category.SOLO_AMBIENT_SOUND
    category_chosen: bool = False
    mode: Mode = Mode.DEFAULT
    mix_with_others: bool = False
    default_to_speaker: bool = False
    bluetooth_input: bool = False
    duck_others: bool = False
    override: OverrideRoute = OverrideRoute.NONE
    preferred_rate_hz: float | None = None
    preferred_buffer_s: float | None = None
    source: str | None = None
    destination: str | None = None

    @property
    def effective_mode(self) -> Mode:
        return effective_mode(self.mode, self.category)

    @property
    def mixable(self) -> bool:
        """Ambient sound always mixes; some other categories mix when told to."""
        return self.mix_with_others or self.category is Category.AMBIENT_SOUND

    def for_category(self, category: Category) -> Self:
        """Another category: the options fall back. The same one again: they stay."""
        category = _known(Category, category)
        if category is self.category:
            return replace(self, category_chosen=True)
        fallen_back = replace(self, mix_with_others=False, override=OverrideRoute.NONE)
        return replace(fallen_back, category=category, category_chosen=True)._as_its_mode_sets_options()

    def in_mode(self, mode: Mode) -> Self:
        """Another mode, or the same again: `default_to_speaker` and `bluetooth_input` fall back to what the mode sets."""
        return replace(self, mode=_known(Mode, mode))._as_its_mode_sets_options()

    def mixing_with_others(self, on: bool) -> Self:
        self._admits(PropertyID.OVERRIDE_CATEGORY_MIX_WITH_OTHERS, "mixing with others is an option")
        return replace(self, mix_with_others=on)

    def defaulting_to_speaker(self, on: bool) -> Self:
        self._admits(PropertyID.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER, "the speaker is an option")
        return replace(self, default_to_speaker=on)

    def with_bluetooth_input(self, on: bool) -> Self:
        self._admits(PropertyID.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT, "Bluetooth input is an option")
        return replace(self, bluetooth_input=on)

    def ducking_others(self, on: bool) -> Self:
        """Who ducks the others lets them play: where mixing is an option, it is on from here."""
        can_mix = self.category in (PROPERTIES[PropertyID.OVERRIDE_CATEGORY_MIX_WITH_OTHERS].categories or ())
        return replace(self, duck_others=on, mix_with_others=self.mix_with_others or (on and can_mix))

    def overriding(self, route: OverrideRoute) -> Self:
        if route not in tuple(OverrideRoute):
            raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"{route!r} is no override: none or the speaker")
        self._admits(PropertyID.OVERRIDE_AUDIO_ROUTE, "the route can be overridden")
        return replace(self, override=OverrideRoute(route))

    def from_port(self, source: str) -> Self:
        """Another input; a route chosen by hand ends the override."""
        return replace(self, source=source, override=OverrideRoute.NONE)

    def to_port(self, destination: str) -> Self:
        return replace(self, destination=destination, override=OverrideRoute.NONE)

    def preferring_rate(self, rate_hz: float | None) -> Self:
        return replace(self, preferred_rate_hz=_hint(rate_hz, "rate"))

    def preferring_buffer(self, buffer_s: float | None) -> Self:
        return replace(self, preferred_buffer_s=_hint(buffer_s, "buffer"))

    def _as_its_mode_sets_options(self) -> Self:
        return replace(self, default_to_speaker=False, bluetooth_input=self.effective_mode is Mode.VOICE_CHAT)

    def _admits(self, option: PropertyID, what: str) -> None:
        admitted = PROPERTIES[option].categories
        if admitted is None or self.category in admitted:
            return
        where = f"{what} only in {_either(admitted)}"
        if not self.category_chosen:
            raise AudioSessionError(ErrorCode.NO_CATEGORY_SET, f"{where}; no category was set yet")
        raise AudioSessionError(ErrorCode.INCOMPATIBLE_CATEGORY, f"{where}; the category is {self.category}")


def _known(kind: type[_Name], value: _Name) -> _Name:
    try:
        return kind(value)
    except ValueError:
        near = nearest(str(value), [str(each) for each in kind])
        raise AudioSessionError(
            ErrorCode.UNSUPPORTED_PROPERTY, f"no {kind.__name__.lower()} is named {value!r}; {near}"
        ) from None


def _hint(value: float | None, what: str) -> float | None:
    """A hint may be anything that could be met somewhere; zero takes it back."""
    if value is None or value == 0.0:
        return None
    if not (math.isfinite(value) and value > 0.0):
        raise AudioSessionError(ErrorCode.UNSUPPORTED_PROPERTY, f"a preferred {what} is positive, not {value}")
    return float(value)


def _either(categories: Iterable[Category]) -> str:
    return " or ".join(sorted(categories))
