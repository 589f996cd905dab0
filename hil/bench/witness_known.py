"""Where a driver of the kernel is known to be wrong, or to count from elsewhere: what it does there contradicts nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hil.bench.witness_findings import CONTRADICTED, KNOWN, Finding


@dataclass(frozen=True)
class Known:
    """One such place. `witness` is how the finding's begins, `subject` how its subject does."""

    codec: str
    aspect: str
    witness: str
    reason: str
    subject: str = ""


KNOWN_ERRORS = (
    Known("wm8960", "polarity", "ADC High Pass Filter Switch", "its switch sets the bit that disables the filter"),
    Known("da7212", "scale", "ToneGen Volume",
          "its control counts up from -45 dB, its own header has -9 dB = 3 and -15 dB = 5: code 0 is the loudest"),
    Known("da7212", "scale", "ADC Volume",
          "it begins at -78 dB and calls the end +12 dB, which 119 steps of 0.75 dB reach from -77.25 dB; the reset word is 0 dB"),
    Known("da7212", "scale", "DAC Volume",
          "it begins at -78 dB and calls the end +12 dB, which 119 steps of 0.75 dB reach from -77.25 dB; the reset word is 0 dB"),
    Known("wm8731", "scale", "Mic Boost Volume",
          "it counts the boost alone; the amplifier before it has 50k / 10k of its own, 13.98 dB (data sheet)"),
    Known("es8388", "scale", "Output ", "its scale is another chip's, 1 dB a step; the ES8388 has 1.5 dB and 0 dB at code 30 (data sheet)"),
    Known("es8388", "names", "Left Line Mux", "code 2 is reserved, 3 is the amplified input (data sheet)"),
    Known("es8388", "names", "Right Line Mux", "code 2 is reserved, 3 is the amplified input (data sheet)"),
    Known("es8388", "bits", "Capture ZC Switch", "it moves a bit that is not the zero-cross detection"),
    Known("es8388", "bits", "Left Mixer Right Bypass Volume", "it moves the other mixer's"),
    Known("es8388", "bits", "Right Mixer Left Bypass Volume", "it moves the other mixer's"),
    Known("tlv320aic3104", "clock", "clocks: 24000000 48000", "it takes P = 1, MCLK / P above the PLL's 20 MHz"),
    Known("wm8960", "clock", "clocks: 24000000", "at low rates its PLL runs outside 90 to 100 MHz"),
)  # fmt: skip


def with_known(codec: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings; a contradiction that has a reason gets it."""
    for finding in findings:
        known = next((one for one in KNOWN_ERRORS if finding.verdict == CONTRADICTED and _is(one, codec, finding)), None)
        yield replace(finding, verdict=KNOWN, detail=f"{known.reason}; {finding.detail}") if known else finding


def _is(known: Known, codec: str, finding: Finding) -> bool:
    return (
        (known.codec, known.aspect) == (codec, finding.aspect)
        and finding.witness.startswith(known.witness)
        and finding.subject.startswith(known.subject)
    )
