"""Echo: what comes back of the far end, how soon it is gone, and what is left of somebody who talks meanwhile. Real voices.

The far end plays through the loudspeaker into the room; the near talker sits half a metre away. The canceller is cold at
the start, as after every press of the button.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hil.analysis import (
    SINE_CREST_DB,
    Track,
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
PAUSE_S = 0.2
TARGET_DB = 40.0
ABOVE_NOISE_DB = 10.0
LEAST_CONFIDENCE = 0.2
"""A delay found with less than this was found between unrelated signals (see `hil.analysis.latency_frames`)."""

NO_DELAY = "what goes in is not found in what comes out"
_SPEECH_DBOV = SPEECH_DBFS - SINE_CREST_DB


def cold(bench: VirtualBench) -> Findings:
    """Time from the first sound until 40 dB of the far end are lost, and stay lost. NaN where the capture's delay is unknown."""
    rate = bench.profile.rate_hz
    take = bench.converse(_far(composite_source(COLD_S, rate, seed=3)))
    delay = _capture_delay(bench)
    if math.isnan(delay):
        return Findings({"convergence_s": math.nan}, {"convergence_s": NO_DELAY})
    late = round(delay)
    far = _heard(take.down, bench.profile.preroll_frames)[: len(take.up) - late]
    return Findings({"convergence_s": convergence_s(loss_over_time(far, take.up[late:], rate), TARGET_DB, dip_db=6.0)})


def loss_over_time(far: NDArray[np.floating], out: NDArray[np.floating], rate_hz: float) -> Track:
    """`erle_over_time`, and 0 dB where *out* is digital silence under an audible far end: that is a muted line, no canceller."""
    track = erle_over_time(far, out, rate_hz)
    far_db, out_db = (level_over_time(x, rate_hz).value_db for x in (far, out))
    muted = np.isneginf(out_db) & (far_db > far_db.max() - 40.0)
    return Track(track.time_s, np.where(muted, 0.0, track.value_db))


def cold_talk(bench: VirtualBench, voices: Voices) -> Findings:
    """Both talk from the first second after the button: how much of the near talker is lost while nothing is learnt yet."""
    rate = bench.profile.rate_hz
    bench.press_button()
    bench.press_button()
    take = bench.converse(_far(voices.far(1.5, rate)), near_pa=_near(voices.near(1.5, rate)), at="mouth")
    heard = take.near_pa * 10.0 ** (bench.contract.sensitivity_dbfs / 20.0)
    return Findings({"cold_talk_loss_db": double_talk_loss_db(heard[:rate], take.up[:rate], rate)})


def conversation(bench: VirtualBench, voices: Voices) -> Findings:
    """Far end alone, near end alone, both: what the other side hears."""
    profile = bench.profile
    rate = profile.rate_hz
    far, near = _far(voices.far(FAR_S, rate)), _near(voices.near(NEAR_S, rate))
    bench.converse(PAUSE_S)  # what was under way has passed
    alone = bench.converse(far)
    talker = bench.converse(NEAR_S, near_pa=near, at="mouth")
    both = bench.converse(_far(voices.far(BOTH_S, rate)), near_pa=_near(voices.near(BOTH_S, rate)), at="mouth")
    scale = 10.0 ** (bench.contract.sensitivity_dbfs / 20.0)
    settled = slice(round(SETTLED_S * rate), None)
    speaking = active_mask(_heard(alone.down, profile.preroll_frames), rate)[settled]
    rested = slice(round(LEVELLED_S * rate), None)
    near_loss_db = double_talk_loss_db(talker.near_pa[rested] * scale, talker.up[rested], rate)
    values = {
        "echo_loss_db": echo_loss_db(level_dbov(alone.down[settled]), level_dbov(alone.up[settled])),
        "erle_db": erle_db(alone.mic_pa[settled] * scale, alone.up[settled], rate, speaking),
        "near_talker_loss_db": near_loss_db,
        "double_talk_loss_db": double_talk_loss_db(both.near_pa * scale, both.up, rate) - near_loss_db,
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
    notes = {"near_talker_loss_db": "with the automatic gain behind the canceller; negative: the talker is lifted"}
    return Findings(values, notes, [trace], {"mic": mic.astype(np.float32), "out": out})


def untouched(bench: VirtualBench, voices: Voices) -> Findings:
    """In a mode without a canceller the same sound is treated alike, whether it comes from the loudspeaker or from elsewhere.

    The echo is recorded at the microphone, played there by a calibrated source, then made by the loudspeaker once more:
    a gain that moves slowly does the same both times, a canceller would not. An echo that hardly stands out of the noise
    at the output proves nothing, and gives NaN.
    """
    rate = bench.profile.rate_hz
    noise_dbov = level_dbov(audible(bench.converse(1.0).up, rate))
    far = _far(voices.far(4.0, rate))
    sound = bench.converse(far).echo_pa
    elsewhere = bench.converse(np.zeros_like(far), near_pa=sound, coupling=0.0)
    echo = bench.converse(far)
    echo_dbov = level_dbov(audible(echo.up, rate))
    above_db = echo_dbov - noise_dbov
    values = {
        "echo_loss_db": echo_loss_db(level_dbov(echo.down), echo_dbov),
        "erle_db": level_dbov(audible(elsewhere.up, rate)) - echo_dbov,
    }
    heard = above_db >= ABOVE_NOISE_DB
    note = f"the echo stands {above_db:.0f} dB above the noise at the output"
    return Findings(values if heard else dict.fromkeys(values, math.nan), dict.fromkeys(values, note))


def latency(bench: VirtualBench) -> Findings:
    """Microphone to application, and application to loudspeaker: the delays of the two paths, measured apart and added up.

    In it are the processing, the period that capture waits for, and the queue before the loudspeaker: the way of a sound that
    is answered inside the period loop. An application outside adds the time it takes to answer, one period at best;
    `with_application` measures that.
    """
    rate = bench.profile.rate_hz
    out = bench.converse(_far(composite_source(1.5, rate, seed=11)), coupling=0.0)
    played, captured = _delay(out.down, out.speaker_v, rate / 2), _capture_delay(bench)
    frames = captured + played
    note = (
        f"{captured:.0f} frames of processing, {played:.0f} of period and queue; an application adds a period at best"
    )
    if math.isnan(frames):
        note = NO_DELAY
    return Findings(
        {"latency_ms": frames / rate * 1e3, "added_latency_frames": float(np.round(captured))},
        {"latency_ms": note},
    )


def with_application(bench: VirtualBench) -> Findings:
    """Microphone to loudspeaker through an application that plays, period by period, what it has just captured.

    The air between loudspeaker and microphone is taken away, so that there is no echo in it. A canceller has the played sound
    as its far end all the same; where it takes the near sound for its echo there is nothing to measure by.
    """
    name, rate, period = "latency_with_application_ms", bench.profile.rate_hz, bench.profile.period_frames
    engine, line = bench.stage.engine, bench.stage.engine.line(bench.session.name)
    sound = at_spl(composite_source(1.5, rate, seed=17), 94.0)
    bench.world.acoustic_coupling = 0.0
    line.drain()
    bench.world.talk(sound, rate, at="capsule")
    with bench.world.recording() as tape:
        for _ in range(math.ceil(len(sound) / period)):
            engine.run(1)
            line.write(line.read(period))
    bench.world.hush()
    line.drain()
    frames = _delay(tape.near_pa[:, 0], tape.speaker_v, rate / 2)
    if math.isnan(frames):
        return Findings(untested={name: "what the application plays is not found again at the loudspeaker"})
    return Findings(
        {name: frames / rate * 1e3}, {name: f"an application that answers within a period of {period} frames"}
    )


def _capture_delay(bench: VirtualBench) -> float:
    """Frames by which processing delays what the microphone hears; NaN when it does not come through."""
    rate = bench.profile.rate_hz
    take = bench.converse(1.5, near_pa=at_spl(composite_source(1.5, rate, seed=13), 100.0), coupling=0.0)
    return _delay(take.near_pa, take.up, rate / 4)


def _delay(reference: NDArray[np.floating], recorded: NDArray[np.floating], longest_frames: float) -> float:
    """Frames from *reference* to *recorded*; NaN when the one is not in the other."""
    moving = recorded - np.mean(recorded)  # a converter's offset looks like any sound that begins and ends
    found = latency_frames(reference, moving, round(longest_frames))
    return max(0.0, found.delay_frames) if found.confidence >= LEAST_CONFIDENCE else math.nan


def _far(speech: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(speech * 10.0 ** ((FAR_DBOV - _SPEECH_DBOV) / 20.0), np.float32)


def _near(speech: NDArray[np.floating]) -> NDArray[np.float32]:
    return at_spl(speech, TALKER_SPL_DB - _SPEECH_DBOV)


def _heard(down: NDArray[np.float32], delay_frames: int) -> NDArray[np.float32]:
    """What was played, when it was played."""
    return np.concatenate((np.zeros(delay_frames, np.float32), down))[: len(down)]
