"""A codec that a kernel driver owns: planned (`plan`), moved and watched (`codec`), through pyalsaaudio (`alsa`)."""

from firmware_py.mixer.alsa import AlsaMixer, driver_card
from firmware_py.mixer.codec import KernelCodec, Mixer
from firmware_py.mixer.plan import MixerPlan, Move, State, driver_of, plan_controls

__all__ = [
    "AlsaMixer",
    "KernelCodec",
    "Mixer",
    "MixerPlan",
    "Move",
    "State",
    "driver_card",
    "driver_of",
    "plan_controls",
]
