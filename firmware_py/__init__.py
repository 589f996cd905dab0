"""audiohat: audio-session modes on real codec hardware. Every mode is a contract with a measured certificate.

The names below are the public ones. Each is imported when it is first asked for, so that a command which needs no
compiler does not wait for one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "audio": ("Conductor", "Session", "SessionState"),
    "board": ("Board",),
    "codec": ("Codec", "Plan"),
    "descriptions": ("board_names", "load_board", "load_codec"),
    "device": ("Device",),
    "engine": ("Engine",),
    "errors": ("FirmwareError",),
    "modes": ("PROFILES", "Category", "Mode", "Profile", "effective_mode"),
    "stage": ("BoardStage",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"firmware_py.{home}"), name)
    raise AttributeError(f"module 'firmware_py' has no attribute {name!r}")
