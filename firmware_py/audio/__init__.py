"""Audio sessions: several users of one board, after Apple's Audio Session Services. No hardware, no thread, no numbers.

constants    the codes, properties, keys and errors of the API
wishes       what one session asks for
routes       which port it gets
scene        all sessions at one moment, and what comes next
stage        the contract of what sounds
listeners    who is told, and how
conductor    acts it out
session      the same for Python
capi         the same for those who know the C functions
"""

from firmware_py.audio.capi import AudioSessionServices
from firmware_py.audio.conductor import Conductor
from firmware_py.audio.constants import (
    ActivationFlag,
    AudioSessionError,
    AVErrorCode,
    ErrorCode,
    InterruptionState,
    InterruptionType,
    OverrideRoute,
    PropertyID,
    RouteChangeReason,
)
from firmware_py.audio.routes import Route, RouteChange
from firmware_py.audio.scene import SessionState
from firmware_py.audio.session import Session
from firmware_py.audio.stage import Setup, Stage

__all__ = [
    "AVErrorCode",
    "ActivationFlag",
    "AudioSessionError",
    "AudioSessionServices",
    "Conductor",
    "ErrorCode",
    "InterruptionState",
    "InterruptionType",
    "OverrideRoute",
    "PropertyID",
    "Route",
    "RouteChange",
    "RouteChangeReason",
    "Session",
    "SessionState",
    "Setup",
    "Stage",
]
