"""audiohat: audio-session modes on real codec hardware. Every mode is a contract with a measured certificate."""

from firmware_py.audio import Conductor, Session, SessionState
from firmware_py.board import Board
from firmware_py.codec import Codec, Plan
from firmware_py.descriptions import board_names, load_board, load_codec
from firmware_py.device import Device
from firmware_py.engine import Engine
from firmware_py.errors import FirmwareError
from firmware_py.modes import PROFILES, Category, Mode, Profile, effective_mode
from firmware_py.stage import BoardStage

__all__ = [
    "PROFILES",
    "Board",
    "BoardStage",
    "Category",
    "Codec",
    "Conductor",
    "Device",
    "Engine",
    "FirmwareError",
    "Mode",
    "Plan",
    "Profile",
    "Session",
    "SessionState",
    "board_names",
    "effective_mode",
    "load_board",
    "load_codec",
]
