"""A codec, driven by its description: what is asked (`resolve`), what would be written (`plan`), the writing (`chip`)."""

from firmware_py.codec.back_end import BackEnd
from firmware_py.codec.chip import Codec
from firmware_py.codec.plan import Plan, Poll, Wait, Write, plan, reset_words
from firmware_py.codec.resolve import gain_range_db

__all__ = ["BackEnd", "Codec", "Plan", "Poll", "Wait", "Write", "gain_range_db", "plan", "reset_words"]
