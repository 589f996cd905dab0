"""How a HAT is wired: what hangs on which pin of the codec, as physical facts.

Not a board description: it names no register, no Linux device and no driver, and the project's own board
files are never consulted. What is here could be read off a schematic with a finger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Wiring:
    """The copper between the codec and the world."""

    name: str
    codec: str
    mclk_hz: float
    microphones: tuple[str, str]  # codec inputs of the left and the right capsule
    capsules_on_mic_bias: bool  # they are powered by the codec's MICBIAS pin, not by a rail of their own
    loudspeaker: str  # codec output, differential
    headphones: tuple[str, str]
    button_gpio: int
    button_active_low: bool
    led_count: int  # APA102, one chain


HATS: Final[dict[str, Wiring]] = {
    hat.name: hat
    for hat in (
        Wiring(
            name="respeaker-2mic-v1",
            codec="WM8960",
            mclk_hz=24_000_000.0,
            microphones=("LINPUT1", "RINPUT1"),
            capsules_on_mic_bias=True,
            loudspeaker="SPK_L",
            headphones=("HP_L", "HP_R"),
            button_gpio=17,
            button_active_low=True,
            led_count=3,
        ),
    )
}
