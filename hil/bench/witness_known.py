"""Where a driver of the kernel is known to be wrong, or to count from elsewhere: what it does there contradicts nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hil.bench.witness_findings import AGREED, CONTRADICTED, KNOWN, Finding


@dataclass(frozen=True)
class Known:
    """One such place. It excuses no other difference than this one: `witness` is how a finding's begins, `detail` is all of it."""

    codec: str
    aspect: str
    witness: str
    detail: str
    reason: str
    even_agreed: bool = False
    """Its word is worth nothing here, even if it is ours."""


def _says(does: str, says: str) -> str:
    return f"the driver: {does}; the description: {says}"


_DA7212_DIGITAL = (
    _says("-78 dB at code 8, 11.25 dB at 127", "-77.25 dB, 12 dB; 120 codes differ"),
    "it begins at -78 dB and calls the end +12 dB, which 119 steps of 0.75 dB reach from -77.25 dB; the reset word is 0 dB",
)
_ES8388_PGA = (_says("'PGA' is code 2", "code 3"), "code 2 is reserved, 3 is the amplified input (data sheet)")

KNOWN_ERRORS = (
    Known("wm8960", "polarity", "ADC High Pass Filter Switch", _says("switched on is code 1", "that is 'disabled'"),
          "its switch sets the bit that disables the filter"),
    Known("da7212", "scale", "ADC Volume", *_DA7212_DIGITAL),
    Known("da7212", "scale", "DAC Volume", *_DA7212_DIGITAL),
    Known("da7212", "scale", "ToneGen Volume",
          _says("-45 dB at code 0, 0 dB at 15", "0 dB, -45 dB; 16 codes differ"),
          "its control counts up from -45 dB, its own header has -9 dB = 3 and -15 dB = 5: code 0 is the loudest"),
    Known("wm8731", "scale", "Mic Boost Volume",
          _says("0 dB at code 0, 20 dB at 1", "13.98 dB, 33.98 dB; 2 codes differ"),
          "it counts the boost alone; the amplifier before it has 50k / 10k of its own, 13.98 dB (data sheet)"),
    Known("es8388", "scale", "Output ", _says("-30 dB at code 0, 3 dB at 33", "-45 dB, 4.5 dB; 33 codes differ"),
          "its scale has 1 dB a step, the ES8388 1.5 dB; both have 0 dB at code 30 (data sheet)"),
    Known("es8388", "names", "Left Line Mux", *_ES8388_PGA),
    Known("es8388", "names", "Right Line Mux", *_ES8388_PGA),
    Known("es8388", "names", "Capture Polarity", _says("'L Invert' is code 1", "code 2"),
          "bit 7 inverts the left, bit 6 the right (data sheet)"),
    Known("es8388", "bits", "Capture ZC Switch", "of these bits, 6",
          "it moves a bit of the ramp's rate, not the zero-cross detection", even_agreed=True),
    Known("sgtl5000", "clock", "clocks: 11289600 22050", _says("makes no rate by our fields", "22050 Hz"),
          "it counts MCLK in frame rates; with RATE_MODE the chip still counts in SYS_FS (data sheet), and runs at half the rate"),
)  # fmt: skip


def with_known(codec: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings; a contradiction that has a reason gets it."""
    for finding in findings:
        known = next((one for one in KNOWN_ERRORS if _is(one, codec, finding)), None)
        yield replace(finding, verdict=KNOWN, reason=known.reason) if known else finding


def _is(known: Known, codec: str, finding: Finding) -> bool:
    return (
        (known.codec, known.aspect, known.detail) == (codec, finding.aspect, finding.detail)
        and finding.witness.startswith(known.witness)
        and (finding.verdict == CONTRADICTED or (known.even_agreed and finding.verdict == AGREED))
    )
