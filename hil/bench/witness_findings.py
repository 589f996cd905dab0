"""What a comparison with a driver finds: one claim of a description, beside what the driver did."""

from __future__ import annotations

from dataclasses import dataclass

AGREED, CONTRADICTED, KNOWN, SILENT, UNDESCRIBED = (
    "agreed",
    "contradicted",
    "driver known to be wrong",
    "not witnessed",
    "undescribed",
)


@dataclass(frozen=True)
class Finding:
    """One claim and its witness."""

    subject: str
    """REGISTER.FIELD, a register, 'wire', or a clock row."""
    aspect: str
    """Of controls: bits, range, scale, names, polarity, latch. Of streams: format, inversion, provider, width, rate, clock, mute,
    widget. Of the rest: wire, reset, volatile."""
    verdict: str
    witness: str = ""
    """The control, the scenario, or whatever else of the driver's it was compared with."""
    detail: str = ""
    """Contradicted: what the driver does and what we say. Agreed: how much was compared, if not all is plain."""
    reason: str = ""
    """Why the driver is known to be wrong."""

    @property
    def sentence(self) -> str:
        """As a person would say it."""
        by = f" ({self.witness})" if self.witness else ""
        return f"{self.subject}, {self.aspect}{by}: {self.verdict}{f', {self.detail}' if self.detail else ''}"


def agreed(subject: str, aspect: str, witness: str, detail: str = "") -> Finding:
    """The driver does what we say."""
    return Finding(subject, aspect, AGREED, witness, detail)


def contradicted(subject: str, aspect: str, witness: str, does: object, says: object) -> Finding:
    """The driver does one thing, we say another."""
    return Finding(subject, aspect, CONTRADICTED, witness, f"the driver: {does}; the description: {says}")
