"""Echo: what comes back of the far end, how soon it is gone, and what is left of somebody who talks meanwhile. Real voices.

The far end plays through the loudspeaker into the room; the near talker sits half a metre away. The canceller is cold at
the start, as after every press of the button.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.analysis import (
    active_mask,
    convergence_s,
    double_talk_loss_db,
    echo_loss_db,
    erle_db,
    erle_over_time,
    latency_frames,
    level_dbov,
    level_over_time,
)
from hil.bench import VirtualBench
from hil.measurement import Trace
from hil.procedures.findings import Findings, at_spl, audible
from hil.stimulus import SPEECH_DBFS, composite_source
from hil.voices import Voices

FAR_DBOV = -20.0
TALKER_SPL_DB = 65.0  # of normal speech, at one metre
FAR_S, NEAR_S, BOTH_S, COLD_S = 12.0, 12.0, 10.0, 5.0
LEVELLED_S = 6.0  # the slow gain behind the canceller has come to rest on the near talker
SETTLED_S = 5.0
TARGET_DB = 40.0
_SPEECH_DBOV = SPEECH_DBFS - 10.0 * np.log10(2.0)


def cold(bench: VirtualBench) -> Findings:
    """Time from the first sound until 40 dB of the far end are lost, and stay lost."""
    rate = bench.profile.rate_hz
    take = bench.converse(_far(composite_source(COLD_S, rate, seed=3)))
    delay = _capture_delay(bench)
    track = erle_over_time(_heard(take.down, bench.profile.preroll_frames), np.roll(take.up, -delay), rate)
    return Findings({"convergence_s": convergence_s(track, TARGET_DB, dip_db=6.0)})


def conversation(bench: VirtualBench, voices: Voices) -> Findings:
    """Far end alone, near end alone, both: what the other side hears."""
    profile = bench.profile
    rate = profile.rate_hz
    far, near = _far(voices.far(FAR_S, rate)), _near(voices.near(NEAR_S, rate))
    alone = bench.converse(far)
    talker = bench.converse(NEAR_S, near_pa=near, at="mouth")
    both = bench.converse(_far(voices.far(BOTH_S, rate)), near_pa=_near(voices.near(BOTH_S, rate)), at="mouth")
    scale = 10.0 ** (profile.sensitivity_dbfs / 20.0)
    settled = slice(round(SETTLED_S * rate), None)
    speaking = active_mask(_heard(alone.down, profile.preroll_frames), rate)[settled]
    rested = slice(round(LEVELLED_S * rate), None)
    values = {
        "echo_loss_db": echo_loss_db(level_dbov(alone.down[settled]), level_dbov(alone.up[settled])),
        "erle_db": erle_db(alone.mic_pa[settled] * scale, alone.up[settled], rate, speaking),
        "double_talk_loss_db": double_talk_loss_db(both.near_pa * scale, both.up, rate)
        - double_talk_loss_db(talker.near_pa[rested] * scale, talker.up[rested], rate),
    }
    takes = (alone, talker, both)
    mic = np.concatenate([take.mic_pa * scale for take in takes])
    out = np.concatenate([take.up for take in takes])
    before, after = level_over_time(mic, rate, 0.1), level_over_time(out, rate, 0.1)
    trace = Trace.of(
        "echo", f"Echo before and after: far end alone, talker alone (from {FAR_S:g} s), both (from {FAR_S + NEAR_S:g} s)",
        x_label="time (s)", y_label="level (dBFS)",
        x=before.time_s, series={"at the microphone": before.value_db, "to the far end": after.value_db},
    )  # fmt: skip
    return Findings(values, {}, [trace], {"mic": mic.astype(np.float32), "out": out})


def untouched(bench: VirtualBench, voices: Voices) -> Findings:
    """In a mode without a canceller the same sound is treated alike, whether it comes from the loudspeaker or from elsewhere.

    The echo is recorded at the microphone, played there by a calibrated source, then made by the loudspeaker once more:
    a gain that moves slowly does the same both times, a canceller would not.
    """
    rate = bench.profile.rate_hz
    far = _far(voices.far(4.0, rate))
    sound = bench.converse(far).echo_pa
    elsewhere = bench.converse(np.zeros_like(far), near_pa=sound, coupling=0.0)
    echo = bench.converse(far)
    return Findings(
        {
            "echo_loss_db": echo_loss_db(level_dbov(echo.down), level_dbov(audible(echo.up, rate))),
            "erle_db": level_dbov(audible(elsewhere.up, rate)) - level_dbov(audible(echo.up, rate)),
        }
    )


def latency(bench: VirtualBench) -> Findings:
    """Microphone to application, plus application to loudspeaker: a frame's whole way, periods waited for included."""
    rate = bench.profile.rate_hz
    out = bench.converse(_far(composite_source(1.5, rate, seed=11)), coupling=0.0)
    played = latency_frames(out.down, out.speaker_v, rate // 2)
    captured = _capture_delay(bench)
    frames = captured + played.delay_frames
    return Findings(
        {"latency_ms": frames / rate * 1e3, "added_latency_frames": float(captured)},
        {"latency_ms": f"{captured} frames of processing, {played.delay_frames:.0f} of periods and queue"},
    )


def _capture_delay(bench: VirtualBench) -> int:
    """Frames by which processing delays what the microphone hears."""
    rate = bench.profile.rate_hz
    take = bench.converse(1.5, near_pa=at_spl(composite_source(1.5, rate, seed=13), 100.0), coupling=0.0)
    delay = latency_frames(take.near_pa, take.up, rate // 4).delay_frames
    return round(delay) if np.isfinite(delay) else 0


def _far(speech: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(speech * 10.0 ** ((FAR_DBOV - _SPEECH_DBOV) / 20.0), np.float32)


def _near(speech: NDArray[np.floating]) -> NDArray[np.float32]:
    return at_spl(speech, TALKER_SPL_DB - _SPEECH_DBOV)


def _heard(down: NDArray[np.float32], delay_frames: int) -> NDArray[np.float32]:
    """What was played, when it was played."""
    return np.concatenate((np.zeros(delay_frames, np.float32), down))[: len(down)]
