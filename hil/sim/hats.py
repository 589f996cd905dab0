"""How a HAT is wired: what hangs on which pin of the codec, as physical facts.

Not a board description: it names no register, no Linux device and no driver, and the project's own board
files are never consulted. What is here could be read off a schematic with a finger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Wiring:
    """The copper between the codec and the world.

    microphones        codec inputs of the left and the right capsule; one name is one capsule
    capsule_dbv        RMS volts (dB re 1 V) that a capsule gives at 94 dB SPL; typical of its kind where no part is known
    bias_pin, bias_v   the codec's pin that powers them, and what the board is laid out for; None is a rail of their own
    loudspeakers       codec outputs at the loudspeakers, or at the amplifiers before them; the first is in the room
    headphones         codec outputs at the jack
    line_inputs, line_outputs, headset  codec pins at sockets, where there are any
    tied               outputs that come on with others and hang on nothing, or on a socket of their own
    """

    name: str
    codec: str
    mclk_hz: float
    microphones: tuple[str, ...] = ("LINPUT1", "RINPUT1")
    capsule_dbv: float = -38.0
    bias_pin: str | None = "MICBIAS"
    bias_v: float = 0.9 * 3.3
    loudspeakers: tuple[str, ...] = ("SPK_L",)
    headphones: tuple[str, str] = ("HP_L", "HP_R")
    line_inputs: tuple[str, ...] = ()
    line_outputs: tuple[str, ...] = ()
    headset: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    button_gpio: int | None = 17
    button_active_low: bool = True
    led_count: int = 0  # of a chain of APA102, or of plain lamps

    @property
    def loudspeaker(self) -> str:
        """The one in the room."""
        return self.loudspeakers[0]


_WM8960 = Wiring(name="", codec="WM8960", mclk_hz=24_000_000.0)
_PAIR = replace(_WM8960, loudspeakers=("SPK_L", "SPK_R"))
_CODEC_ZERO = Wiring(
    name="",
    codec="DA7212",
    mclk_hz=11_289_600.0,
    microphones=("MIC2",),
    bias_pin="MICBIAS2",
    bias_v=2.2,
    loudspeakers=("LINE",),
    line_inputs=("AUX_L", "AUX_R"),
    headset=("MIC1",),
    button_gpio=27,
    led_count=2,
)

HATS: Final[dict[str, Wiring]] = {
    hat.name: hat
    for hat in (
        replace(_WM8960, name="respeaker-2mic-v1", led_count=3),
        replace(_WM8960, name="keyestudio-ks0314", led_count=3),
        replace(_PAIR, name="waveshare-wm8960"),
        replace(_PAIR, name="adafruit-voice-bonnet", led_count=3),
        replace(_PAIR, name="adafruit-braincraft", led_count=3),
        replace(_CODEC_ZERO, name="codec-zero"),
        replace(_CODEC_ZERO, name="iqaudio-codec-zero"),
        Wiring(
            name="respeaker-2mic-v2",
            codec="TLV320AIC3104",
            mclk_hz=24_576_000.0,
            microphones=("MIC2L", "MIC2R"),
            bias_v=2.5,
            loudspeakers=("LEFT_LOP", "RIGHT_LOP"),
            headphones=("HPLOUT", "HPROUT"),
            led_count=3,
        ),
        Wiring(
            name="audio-injector-stereo",
            codec="WM8731",
            mclk_hz=12_000_000.0,
            microphones=("MICIN",),
            capsule_dbv=-42.0,
            bias_v=0.75 * 3.3,
            loudspeakers=("LOUT", "ROUT"),
            headphones=("LHPOUT", "RHPOUT"),
            line_inputs=("LLINEIN", "RLINEIN"),
            line_outputs=("LOUT", "ROUT"),
            tied=("LOUT", "ROUT", "LHPOUT", "RHPOUT"),
            button_gpio=None,
        ),
        # Not HATs: the two codecs that are on none, on a bench of their own.
        Wiring(
            name="sgtl5000-bench",
            codec="SGTL5000",
            mclk_hz=12_288_000.0,
            microphones=("MIC",),
            bias_v=3.0,
            loudspeakers=("LINEOUT_L", "LINEOUT_R"),
        ),
        Wiring(
            name="es8388-bench",
            codec="ES8388",
            mclk_hz=12_288_000.0,
            microphones=("LIN1", "RIN1"),
            loudspeakers=("LOUT2", "ROUT2"),
            headphones=("LOUT1", "ROUT1"),
        ),
    )
}
