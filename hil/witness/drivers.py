"""Who is put in the witness box: six codec drivers of the kernel, by their names there, and what each wants to find on its bus.

Nothing here is about registers: what a chip is, only the driver says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Driver:
    """One driver and one chip that it drives."""

    module: str
    device: str
    """The kind of chip, as the kernel's I2C core knows it."""
    component: str
    dai: str
    address: int
    bus: str = "8+8"
    """Bits of a register's number and of its contents: 7+9 (cannot be read), 8+8, 16+16."""
    routes: tuple[str, ...] = ()
    """SINK<SOURCE: microphones that are fed by the chip's bias, as on most boards."""
    contents: bytes = b""
    """What the driver wants to find in the chip before it begins."""
    self_clearing: tuple[tuple[int, int], ...] = ()
    """(register, bits) that a chip clears by itself, and the driver waits for."""
    forced: str = ""
    """The widget to power while controls are moved: without any power this driver writes to its cache only."""


DRIVERS = {
    "da7212": Driver(
        "snd-soc-da7213", "da7213", "da7213", "da7213-hifi", 0x1A,
        routes=("MIC1<Mic Bias 1", "MIC2<Mic Bias 2"), self_clearing=((0x2B, 0x10),),
    ),
    "es8388": Driver(
        "snd-soc-es8328-i2c", "es8388", "es8328", "es8328-hifi-analog", 0x10,
        routes=("LINPUT1<Mic Bias", "RINPUT1<Mic Bias"),
    ),
    "sgtl5000": Driver(
        "snd-soc-sgtl5000", "sgtl5000", "sgtl5000", "sgtl5000", 0x0A, bus="16+16",
        routes=("MIC_IN<Mic Bias",), contents=b"\x00\x00\xa0\x11",  # register 0: who it is
    ),
    "tlv320aic3104": Driver(
        "snd-soc-tlv320aic3x-i2c", "tlv320aic3104", "tlv320aic3x", "tlv320aic3x-hifi", 0x18,
        routes=("MIC2L<Mic Bias", "MIC2R<Mic Bias"), forced="Mic Bias",
    ),
    "wm8731": Driver("snd-soc-wm8731-i2c", "wm8731", "wm8731", "wm8731-hifi", 0x1A, bus="7+9"),
    "wm8960": Driver(
        "snd-soc-wm8960", "wm8960", "wm8960", "wm8960-hifi", 0x1A, bus="7+9",
        routes=("LINPUT1<MICB", "RINPUT1<MICB"),
    ),
}  # fmt: skip
