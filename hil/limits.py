"""What each mode promises: a sentence, and a table of bounds with the text each comes from.

Not a judgement (`hil.measurement`) and no settings: it is written without a look at how a mode is brought
about. "std" bounds stand in the cited text. Where that is an ITU-T Recommendation they were taken from
digests of it, which is enough to test against and not enough to claim compliance.

One trap: the Android compatibility definition (CDD) counts dBFS from a full-scale square wave (rms 520 of
32768 is -36). `sensitivity_dbfs` follows it and is to be measured with `hil.analysis.level_dbov`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hil.measurement import Limit


@dataclass(frozen=True)
class Promise:
    """A mode's name for people, and in one sentence what whoever picks it may rely on."""

    title: str
    sentence: str


PROMISES: dict[str, Promise] = {
    "default": Promise("Default", "A comfortable level, whoever talks: slow gain control, full band, nothing else."),
    "voiceChat": Promise(
        "VoiceChat",
        "The far end does not hear itself, and hears you while it talks: no echo, voice band, 20 ms on the way.",
    ),
    "videoRecording": Promise(
        "VideoRecording",
        "A sound track that survives a shout and a whisper: slow gain control, headroom, full band.",
    ),
    "measurement": Promise(
        "Measurement",
        "The sound as it is: calibrated, flat, no gain control, no filter, no processing at all.",
    ),
    "gameChat": Promise(
        "GameChat",
        "As VoiceChat, sooner and with a lighter hand: echo cancelled, 15 ms on the way, half the gain control.",
    ),
}

_ALL = tuple(PROMISES)
_CHAT = ("voiceChat", "gameChat")
_PLAIN = ("default", "videoRecording", "measurement")
_AVDD_V = 3.3


@dataclass(frozen=True)
class _Bound:
    """Bounds that some modes share."""

    modes: Iterable[str]
    lower: float | None
    upper: float | None
    source: str
    standard: Literal["std", "own"] = "own"


@dataclass(frozen=True)
class _Row:
    """One quantity and who asks what of it; a mode that asks nothing is not listed."""

    name: str
    title: str
    unit: str
    bounds: tuple[_Bound, ...]


def _row(name: str, title: str, unit: str, *bounds: _Bound) -> _Row:
    return _Row(name, title, unit, bounds)


_TABLE: tuple[_Row, ...] = (
    _row("register_mismatches", "Blocks unlike the promise", "", _Bound(_ALL, 0, 0, "own")),
    _row(
        "mic_bias_v", "Microphone bias", "V",
        _Bound(_ALL, 0.95 * 0.9 * _AVDD_V, 1.05 * 0.9 * _AVDD_V, "WM8960: 0.9 AVDD; tolerance own"),
    ),
    _row("mic_bias_effect_db", "Drop with the bias off", "dB", _Bound(_ALL, 40, None, "own")),
    _row("sample_rate_ppm", "Sample rate error", "ppm", _Bound(_ALL, -100, 100, "own")),
    _row(
        "sensitivity_dbfs", "Sensitivity, 94 dB SPL at 1 kHz", "dBFS",
        _Bound(("measurement",), -37, -35, "CDD 5.11 C-1-5; tolerance own", "std"),
        _Bound(_CHAT, -18.35 - 4, -18.35 + 4, "own: CDD 5.4 before the gain behind the canceller moves"),
        _Bound(("default", "videoRecording"), -20, -12, "own: levelled"),
    ),
    _row(
        "channel_difference_db", "Left over right at 1 kHz", "dB",
        _Bound(_PLAIN, -1, 1, "own"),
    ),
    _row(
        "flatness_db", "Flatness", "dB",
        _Bound(("measurement",), None, 0.5, "own, electrical, 100 Hz to 7 kHz (CDD 5.11 C-1-2 allows 10)"),
        _Bound(("default",), None, 3, "CDD 5.4, 100 Hz to 4 kHz", "std"),
        _Bound(("videoRecording",), None, 3, "own, as CDD 5.4, 100 Hz to 4 kHz"),
        _Bound(_CHAT, None, 3, "own, 200 Hz to 4 kHz"),
    ),
    _row(
        "high_pass_corner_hz", "High-pass corner", "Hz",
        _Bound(("voiceChat",), 0.85 * 120, 1.15 * 120, "own, 120 Hz within 15 %"),
        _Bound(("gameChat",), 0.85 * 100, 1.15 * 100, "own, 100 Hz within 15 %"),
        _Bound(_PLAIN, None, 20, "own"),
    ),
    _row("high_pass_50hz_db", "Gain at 50 Hz", "dB", _Bound(_CHAT, None, -12, "own")),
    _row("low_end_20hz_db", "Gain at 20 Hz", "dB", _Bound(("measurement",), -1, None, "own")),
    _row("low_end_5hz_db", "Gain at 5 Hz", "dB", _Bound(("measurement",), -1, None, "own, electrical: no DC filter")),
    _row("dc_offset_dbfs", "DC offset", "dBFS", _Bound(("default", "videoRecording"), None, -70, "own: the DC filter is on"),
         _Bound(("measurement",), None, None, "for information")),
    _row(
        "soft_gain_db", "Gain for soft sound over the fixed one", "dB",
        _Bound(("default", "videoRecording"), 6, 13, "own: up to 12 dB"),
        _Bound(("voiceChat",), 8, 13, "own: up to 12 dB"),
        _Bound(("gameChat",), 4, 7, "own: up to 6 dB"),
        _Bound(("measurement",), -0.5, 0.5, "own: gains have steps of 0.75 dB"),
    ),
    _row(
        "agc_gain_change_db", "Gain taken back over a 35 dB step", "dB",
        _Bound(("default", "voiceChat", "videoRecording"), 6, None, "own"),
        _Bound(("gameChat",), 3, None, "own, half range"),
        _Bound(("measurement",), -0.1, 0.1, "CDD 5.11: no automatic gain; tolerance own"),
    ),
    _row(
        "echo_loss_db", "Echo loss", "dB",
        _Bound(_CHAT, 46, None, "3GPP TS 26.132 8.7; ITU-T P.1110", "std"),
        _Bound(_PLAIN, None, None, "for information"),
    ),
    _row(
        "erle_db", "Echo removed by the canceller", "dB",
        _Bound(_CHAT, 20, None, "own"),
        _Bound(_PLAIN, -1, 1, "own, proof that nothing is processed"),
    ),
    _row(
        "convergence_s", "Time to 40 dB of echo loss", "s",
        _Bound(_CHAT, None, 1.2, "own, after ITU-T P.1110 11.11.4"),
    ),
    _row(
        "near_talker_loss_db", "Near talker lost in single talk", "dB",
        _Bound(_CHAT, None, 3, "own"),
    ),
    _row(
        "cold_talk_loss_db", "Near talker lost in the first second", "dB",
        _Bound(_CHAT, None, None, "for information: both talk from the button on"),
    ),
    _row(
        "double_talk_loss_db", "Near talker lost in double talk", "dB",
        _Bound(_CHAT, None, 3, "ITU-T P.1110 11.12.1; P.340 category 1", "std"),
    ),
    _row(
        "latency_ms", "Latency, microphone to loudspeaker", "ms",
        _Bound(("voiceChat",), None, 20, "CDD 5.10 for professional audio; own for this board"),
        _Bound(("gameChat",), None, 15, "own, GameChat's budget"),
        _Bound(_PLAIN, None, None, "for information"),
    ),
    _row(
        "latency_with_application_ms", "... through an application", "ms",
        _Bound(_ALL, None, None, "for information"),
    ),
    _row(
        "added_latency_frames", "Latency added by processing", "frames",
        _Bound(("measurement",), 0, 0, "CDD 5.11 C-1-8", "std"),
    ),
    _row(
        "thd_percent", "Harmonic distortion at 1 kHz", "%",
        _Bound(("measurement",), None, 0.1, "own, electrical (CDD 5.11 C-1-7 allows 1)"),
    ),
    _row(
        "snr_db", "Signal to noise re 94 dB SPL, A-weighted", "dB",
        _Bound(("measurement",), 60, None, "CDD 5.11 C-1-6", "std"),
    ),
)  # fmt: skip


def _limits_of(row: _Row) -> dict[str, Limit]:
    return {
        mode: Limit(
            name=row.name, title=row.title, unit=row.unit,
            lower=bound.lower, upper=bound.upper, source=bound.source, standard=bound.standard,
        )
        for bound in row.bounds
        for mode in bound.modes
    }  # fmt: skip


_LIMITS: dict[str, dict[str, Limit]] = {row.name: _limits_of(row) for row in _TABLE}


def limit(name: str, mode: str) -> Limit:
    """What *mode* asks of quantity *name*.

    Raises:
        LookupError: there is no such mode or quantity, or the mode asks nothing of it.
    """
    if mode not in PROMISES:
        raise LookupError(f"no mode is named {mode!r}; known: {', '.join(PROMISES)}")
    if name not in _LIMITS:
        raise LookupError(f"no limit is named {name!r}; known: {', '.join(_LIMITS)}")
    if mode not in _LIMITS[name]:
        raise LookupError(f"{mode} asks nothing of {name!r}; it asks of {', '.join(x.name for x in limits_of(mode))}")
    return _LIMITS[name][mode]


def limits_of(mode: str) -> tuple[Limit, ...]:
    """Everything *mode* asks, in the order of a report."""
    return tuple(by_mode[mode] for by_mode in _LIMITS.values() if mode in by_mode)


def mic_bias_limit(nominal_v: float, source: str) -> Limit:
    """`mic_bias_v` of a board whose microphones are laid out for *nominal_v*; *source* says where that stands."""
    return Limit(
        name="mic_bias_v", title="Microphone bias", unit="V", lower=0.95 * nominal_v, upper=1.05 * nominal_v,
        source=f"{source}; tolerance own", standard="own",
    )  # fmt: skip
