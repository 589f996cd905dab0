"""Decibels and amplitude ratios. Pure arithmetic, nothing else."""

from __future__ import annotations

import math


def db_to_amplitude(db: float) -> float:
    """Amplitude ratio of *db* decibels; minus infinity is 0."""
    return 0.0 if db == -math.inf else 10.0 ** (db / 20.0)


def amplitude_to_db(ratio: float) -> float:
    """Decibels of an amplitude ratio; 0 is minus infinity."""
    return 20.0 * math.log10(ratio) if ratio > 0.0 else -math.inf
