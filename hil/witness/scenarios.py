"""What a machine would ask of each codec: formats, widths, clocks, and streams that play and record.

The calls are those of a machine driver (hil/kernel/modules/bench_card.c); the controls are named as the driver names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

# sound/soc-dai.h
FORMATS = {"I2S": 1, "RJ": 2, "LJ": 3, "DSP_A": 4, "DSP_B": 5}
INVERSIONS = {"NB_NF": 0, "NB_IF": 2, "IB_NF": 3, "IB_IF": 4}
PROVIDERS = {"codec": 1, "wclk": 2, "bclk": 3, "cpu": 4}
"""Who makes bit clock and frame clock; `wclk` and `bclk`: the codec makes this one only."""

MCLK_HZ = 12_288_000
_RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000)
_MORE_RATES = (*_RATES, 88200, 96000)


Controls = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True)
class Scenario:
    """A chip after its reset, what is asked of it, and a stream set up and prepared."""

    group: str
    """Formats, widths, clocks, calls; or power: there it is also told what powers up when."""
    name: str
    calls: str = ""
    controls: Controls = ()
    stream: bool = True
    capture: bool = False
    rate_hz: int = 48_000
    sample_format: str = "S16"
    channels: int = 2
    mclk_hz: int = MCLK_HZ


@dataclass(frozen=True)
class Desk:
    """How a codec is made to sound, and what tells it of its clock."""

    play: Controls
    record: Controls
    clock: Callable[[int], str] = lambda mclk_hz: f"sysclk 0 {mclk_hz} 0"
    clock_first: bool = False


def scenarios(codec: str) -> list[Scenario]:
    """All that this codec is asked."""
    return list(_ASKED[codec]())


def fmt(name: str = "I2S", inversion: str = "NB_NF", provider: str = "cpu") -> str:
    """The call that sets a digital audio format."""
    return f"fmt {FORMATS[name] | INVERSIONS[inversion] << 8 | PROVIDERS[provider] << 12:#x}"


def _calls(desk: Desk, mclk_hz: int, provider: str = "codec") -> str:
    both = [fmt(provider=provider), desk.clock(mclk_hz)]
    return "; ".join(reversed(both) if desk.clock_first else both)


def _formats() -> Iterator[Scenario]:
    for provider, name, inversion in product(("codec", "cpu"), FORMATS, INVERSIONS):
        yield Scenario("formats", f"{name} {inversion} {provider}", fmt(name, inversion, provider), stream=False)


def _widths(desk: Desk, directions: Sequence[str] = ("play", "capture")) -> Iterator[Scenario]:
    for direction in directions:
        for width, channels in (("S16", 2), ("S20_3", 2), ("S24", 2), ("S32", 2), ("S16", 1)):
            yield Scenario(
                "widths", f"{direction} {width} {channels}", _calls(desk, MCLK_HZ),
                capture=direction == "capture", sample_format=width, channels=channels,
            )  # fmt: skip


def _clocks(
    desk: Desk,
    mclks_hz: Sequence[int],
    rates_hz: Sequence[int],
    providers: Sequence[str] = ("codec", "cpu"),
    capture: bool = False,
    controls: Controls = (),
) -> Iterator[Scenario]:
    for mclk_hz, provider, rate_hz in product(mclks_hz, providers, rates_hz):
        yield Scenario(
            "clocks", f"{mclk_hz} {rate_hz} {provider}{' capture' * capture}", _calls(desk, mclk_hz, provider),
            controls, capture=capture, rate_hz=rate_hz, mclk_hz=mclk_hz,
        )  # fmt: skip


def _power(desk: Desk, mclk_hz: int) -> Iterator[Scenario]:
    for direction, controls in (("play", desk.play), ("capture", desk.record)):
        for rate_hz, width in ((48_000, "S16"), (16_000, "S16"), (48_000, "S32")):
            yield Scenario(
                "power", f"{direction} {rate_hz} {width}", _calls(desk, mclk_hz), controls,
                capture=direction == "capture", rate_hz=rate_hz, sample_format=width, mclk_hz=mclk_hz,
            )  # fmt: skip


def _deemphasis(desk: Desk, control: str) -> Iterator[Scenario]:
    for rate_hz in (32_000, 44_100, 48_000):
        mclk_hz = 11_289_600 if rate_hz == 44_100 else MCLK_HZ
        yield Scenario(
            "clocks", f"{mclk_hz} {rate_hz} codec deemphasis", _calls(desk, mclk_hz), ((control, 1),),
            rate_hz=rate_hz, mclk_hz=mclk_hz,
        )  # fmt: skip


def _wm8960() -> Iterator[Scenario]:
    desk = Desk(
        play=(
            ("Left Output Mixer PCM Playback Switch", 1), ("Right Output Mixer PCM Playback Switch", 1),
            ("Headphone Playback Volume", 109), ("Speaker Playback Volume", 109),
        ),
        record=(
            ("Left Boost Mixer LINPUT1 Switch", 1), ("Right Boost Mixer RINPUT1 Switch", 1),
            ("Left Input Mixer Boost Switch", 1), ("Right Input Mixer Boost Switch", 1), ("Capture Switch", 1),
        ),
    )  # fmt: skip
    yield from _formats()
    yield from _widths(desk)
    yield from _clocks(desk, (24_000_000, 12_000_000, 12_288_000, 11_289_600), _RATES, capture=True)
    yield from _deemphasis(desk, "DAC Deemphasis Switch")
    for hz in (11_289_600, 12_288_000, 22_579_200, 24_576_000):
        yield Scenario("calls", f"pll 24000000 {hz}", f"sysclk 1 {hz} 0; pll 1 0 24000000 {hz}", stream=False)
    # system clock, DAC, amplifier, bit clock, ADC... by the driver's numbers, each away from where it starts
    dividers = ((0, 4), (1, 0x30), (2, 0x140), (2, 0x80), (3, 0x1C0), (3, 0x180), (3, 0x140), (3, 0xC0), (4, 2))
    for divider, code in dividers:
        yield Scenario("calls", f"clkdiv {divider} {code:#x}", f"clkdiv {divider} {code}", stream=False)
    yield from _power(desk, 24_000_000)
    yield Scenario("power", "play 48000 S16 clocked by cpu", fmt(), desk.play)
    yield Scenario("power", "play 48000 S16 from 12288000", _calls(desk, MCLK_HZ), desk.play)


def _da7212() -> Iterator[Scenario]:
    desk = Desk(
        play=(
            ("Mixout Left DAC Left Switch", 1), ("Mixout Right DAC Right Switch", 1),
            ("DAC Left Source MUX", "DAI Input Left"), ("DAC Right Source MUX", "DAI Input Right"),
            ("Headphone Switch", 1), ("Lineout Switch", 1),
        ),
        record=(
            ("Mixin Left Mic 1 Switch", 1), ("Mixin Right Mic 2 Switch", 1), ("Mic 1 Switch", 1), ("Mic 2 Switch", 1),
            ("Mixin PGA Switch", 1), ("ADC Switch", 1), ("Mic 1 Amp Source MUX", "Differential"),
            ("DAI Left Source MUX", "ADC Left"), ("DAI Right Source MUX", "ADC Right"),
        ),
    )  # fmt: skip
    yield from _formats()
    yield from _widths(desk)
    for mono in _widths(desk, ("play",)):
        if mono.channels == 1:
            yield replace(mono, name="play S16 1 DSP_A", calls=f"{fmt('DSP_A')}; sysclk 0 {MCLK_HZ} 0")
    yield from _clocks(desk, (11_289_600, 12_288_000, 24_000_000), _MORE_RATES, controls=desk.play)
    others_hz = (5_000_000, 9_000_000, 9_500_000, 12_000_000, 13_000_000, 18_000_000, 19_200_000, 22_579_200, 24_576_000,
                 26_000_000, 36_000_000, 38_400_000, 45_158_400, 49_152_000, 54_000_000)  # fmt: skip
    yield from _clocks(desk, others_hz, (44_100, 48_000), controls=desk.play)
    sources = {"mclk": (0, 0), "pll": (0, 1), "srm": (0, 2), "pll squared": (1, 1)}  # (clock, PLL's source)
    for mclk_hz, (source, (clock, pll)), out_hz in product(
        (11_289_600, 12_288_000, 24_000_000, 32_768), sources.items(), (90_316_800, 98_304_000)
    ):
        calls = f"{fmt(provider='codec')}; sysclk {clock} {mclk_hz} 0; pll 0 {pll} {mclk_hz} {out_hz}"
        yield Scenario("calls", f"pll {mclk_hz} {out_hz} {source}", calls, stream=False, mclk_hz=mclk_hz)
    yield from _power(desk, 11_289_600)
    yield Scenario("power", "play 48000 S16 from 12288000", _calls(desk, MCLK_HZ), desk.play)


def _tlv320aic3104() -> Iterator[Scenario]:
    desk = Desk(
        play=(
            ("Left HP Mixer DACL1 Switch", 1), ("Right HP Mixer DACR1 Switch", 1), ("Left Line Mixer DACL1 Switch", 1),
            ("Right Line Mixer DACR1 Switch", 1), ("HP Playback Switch", 1), ("Line Playback Switch", 1),
        ),
        record=(
            ("Left PGA Mixer Mic2L Switch", 1), ("Right PGA Mixer Mic2R Switch", 1), ("PGA Capture Switch", 1),
        ),
    )  # fmt: skip
    # It writes when a stream powers something: recording does, its line inputs are connected from the start.
    sysclk = f"; sysclk 0 {MCLK_HZ} 0"
    for scenario in _formats():
        yield replace(scenario, calls=scenario.calls + sysclk, stream=True, capture=True)
    for provider in ("wclk", "bclk"):
        yield Scenario("formats", f"I2S NB_NF {provider}", fmt(provider=provider) + sysclk, capture=True)
    yield from _widths(desk, ("capture",))
    mclks_hz = (12_288_000, 24_576_000, 24_000_000, 12_000_000, 11_289_600, 22_579_200)
    yield from _clocks(desk, mclks_hz, _MORE_RATES, capture=True)
    for clock in (0, 1, 2):
        yield Scenario("calls", f"sysclk {clock}", f"sysclk {clock} {MCLK_HZ} 0", capture=True)
    for slots, width in ((2, 32), (4, 16), (8, 32)):
        calls = f"{fmt('DSP_A', 'IB_NF')}; tdm 3 3 {slots} {width}{sysclk}"
        yield Scenario("calls", f"tdm {slots} {width}", calls, capture=True)
    yield from _power(desk, 24_576_000)


def _wm8731() -> Iterator[Scenario]:
    desk = Desk(
        play=(("Output Mixer HiFi Playback Switch", 1),),
        record=(("Input Mux", "Mic"), ("Mic Capture Switch", 1), ("Mic Boost Volume", 1)),
        clock_first=True,
    )
    yield from _formats()
    yield from _widths(desk)
    mclks_hz = (12_000_000, 12_288_000, 18_432_000, 11_289_600, 16_934_400)
    yield from _clocks(desk, mclks_hz, (8000, 16000, 32000, 44100, 48000, 88200, 96000), providers=("codec",))
    yield from _deemphasis(desk, "Playback Deemphasis Switch")
    yield from _power(desk, MCLK_HZ)
    yield Scenario(
        "power", "play 48000 S16 with a crystal", f"sysclk 1 {MCLK_HZ} 0; {fmt(provider='codec')}", desk.play
    )


def _sgtl5000() -> Iterator[Scenario]:
    desk = Desk(
        play=(("Headphone Mux", "DAC"), ("Digital Input Mux", "I2S")),
        record=(("Capture Mux", "MIC_IN"), ("Digital Input Mux", "I2S")),
    )
    yield from _formats()
    yield from _widths(desk)
    mclks_hz = (12_288_000, 11_289_600, 24_000_000, 12_000_000, 24_576_000, 8_192_000)
    yield from _clocks(desk, mclks_hz, (*_RATES, 96_000))
    yield from _power(desk, MCLK_HZ)


def _es8388() -> Iterator[Scenario]:
    desk = Desk(
        play=(("Output 1 Playback Volume", 30), ("Output 2 Playback Volume", 30), ("PCM Volume", 192)),
        record=(("Left PGA Mux", "Line 1"), ("Right PGA Mux", "Line 1"), ("Differential Mux", 0)),
    )
    yield from _formats()
    yield from _widths(desk)
    for capture in (False, True):
        mclks_hz = (11_289_600, 12_288_000, 22_579_200, 24_576_000)
        yield from _clocks(desk, mclks_hz, _MORE_RATES, providers=("codec",), capture=capture)
    yield from _clocks(desk, (MCLK_HZ,), (48_000, 44_100), providers=("cpu",))
    yield from _deemphasis(desk, "DAC Deemphasis Switch")
    yield from _power(desk, MCLK_HZ)


_ASKED: dict[str, Callable[[], Iterator[Scenario]]] = {
    "da7212": _da7212, "es8388": _es8388, "sgtl5000": _sgtl5000,
    "tlv320aic3104": _tlv320aic3104, "wm8731": _wm8731, "wm8960": _wm8960,
}  # fmt: skip
