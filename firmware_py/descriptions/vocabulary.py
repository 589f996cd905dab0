"""The neutral words in which modes and boards speak to any codec.

A codec has a control of each name, or says in its `[absent]` why not.
"""

from __future__ import annotations

from collections.abc import Mapping

FROM_MODES: Mapping[str, str] = {
    "mic_bias": "supply of electret microphones: on or off",
    "high_pass": "the converter's DC blocker: on or off",
    "input_gain_db": "analogue gain from the microphone pin to the converter, all stages together",
    "boost_db": "its coarse stage",
    "pga_db": "its fine stage, the one that automatic level control moves",
    "alc": "automatic level control, both channels together: on or off",
    "alc_max_gain_db": "how far it may go above the fixed gain",
    "alc_target_dbfs": "level it steers to",
    "alc_attack_ms": "time constant when it turns down",
    "alc_decay_ms": "time constant when it turns up",
    "alc_hold_ms": "pause before it turns up",
    "noise_gate": "no turning up during silence: on or off",
    "playback": "converter to the outputs: on, or off for muted",
    "provider": "who makes the bit and frame clock: codec or host",
}
"""Decided by the mode and the state of the session."""

FROM_BOARDS: Mapping[str, str] = {
    "microphone": "the microphone inputs: on or off",
    "speaker": "the loudspeaker amplifier: off, left, right or both",
    "headphone": "the headphone amplifier: on or off",
    "line_in": "the line inputs, instead of the microphones: on or off",
    "line_out": "the line outputs: on or off",
    "mic_bias_level": "voltage of the microphone supply, in the codec's words",
    "alc_min_gain_db": "lowest gain of the fine stage under automatic level control",
    "noise_gate_dbfs": "level below which the noise gate closes",
    "adc_gain_db": "digital gain after the converter",
    "dac_gain_db": "digital gain before the converter",
    "headphone_gain_db": "gain of the headphone amplifier",
    "speaker_gain_db": "gain before the loudspeaker amplifier",
    "speaker_boost_db": "gain of the loudspeaker amplifier itself",
}
"""Decided by the wiring: in a board's `ports`, `defaults` or `modes`; else by the codec's own `defaults`."""

CONTROLS: Mapping[str, str] = {**FROM_MODES, **FROM_BOARDS}

STEP_WORDS = ("clock", "rate")
"""What a step may apply besides controls: the chosen rows of the clock tables."""

PORT_TYPES: Mapping[str, tuple[str, ...]] = {
    "input": ("builtInMic", "headsetMic", "lineIn"),
    "output": ("builtInSpeaker", "builtInReceiver", "headphones", "lineOut"),
}
"""Apple's input and output types that a HAT can have."""
