"""What a mode on a board asks of the codec: a profile's physical quantities, in the codec's neutral controls. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from firmware_py.board import Board, Port
from firmware_py.modes import Category, Mode, Profile
from firmware_py.registers import Value

CREST_DB = 10.0 * math.log10(2.0)
"""A full-scale sine is this far below 0 dBFS where 0 dBFS is the RMS of the largest sample (the CDD's convention)."""


def input_gain_db(profile: Profile, microphone: Port, full_scale_dbv: float) -> float:
    """Analogue gain by which 94 dB SPL at the microphone reads the profile's sensitivity."""
    if microphone.sensitivity_dbv is None:
        return 0.0
    return profile.sensitivity_dbfs + CREST_DB - (microphone.sensitivity_dbv - full_scale_dbv)


def card_factor(board: Board, profile: Profile) -> int:
    """At which multiple of the mode's rate the card runs: 1, or the smallest at which this codec can."""
    able = board.codec.rates_at(board.mclk_hz)
    multiples = sorted(rate // profile.rate_hz for rate in able if rate % profile.rate_hz == 0)
    return multiples[0] if multiples and profile.rate_hz not in able else 1


def codec_settings(
    board: Board, mode: Mode, profile: Profile, category: Category, *, source: Port | None, destination: Port | None
) -> dict[str, Value]:
    """Settings of every control that this mode decides; board defaults first, the board's word on this mode last.

    A port is None where the category has no such direction, or nothing is plugged in.
    """
    records, plays = source is not None and category.records, destination is not None and category.plays
    microphone = source or board.port("input")
    rate_hz = card_factor(board, profile) * profile.rate_hz
    settings: dict[str, Value] = {**board.defaults, "rate_hz": rate_hz, "provider": board.clock_provider}
    settings |= {
        "high_pass": profile.high_pass,
        "alc": profile.alc and records,
        "noise_gate": False,
    }
    gain = board.codec.controls.get("input_gain_db")
    if gain is None or gain.only_with is None or gain.only_with in microphone.set:
        settings["input_gain_db"] = input_gain_db(profile, microphone, board.codec.full_scale_dbv)
    if profile.alc and "alc" not in board.codec.absent:
        settings |= {
            "alc_max_gain_db": profile.alc_max_gain_db,
            "alc_target_dbfs": profile.alc_target_dbfs,
            "alc_attack_ms": profile.alc_attack_ms,
            "alc_decay_ms": profile.alc_decay_ms,
            "alc_hold_ms": profile.alc_hold_ms,
        }
    settings |= _open(source, records)
    settings |= _open(destination, plays)
    settings |= {"mic_bias": records and microphone.needs_mic_bias, "playback": plays}
    settings |= board.modes.get(mode, {})
    known = {*board.codec.controls, *board.codec.absent, "rate_hz"}
    return {name: value for name, value in settings.items() if name in known}


def _open(port: Port | None, used: bool) -> Mapping[str, Value]:
    if port is None:
        return {}
    return port.set if used else dict.fromkeys(port.set, "off")
