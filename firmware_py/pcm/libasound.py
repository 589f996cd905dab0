"""libasound by ctypes: one PCM opened, configured and closed. What runs in the loop is `native`; what decides is `alsa`."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

from firmware_py.errors import PcmError
from firmware_py.pcm.cards import refusal
from firmware_py.pcm.entry import address_of
from firmware_py.pcm.native import FUNCTIONS

PLAYBACK, CAPTURE = 0, 1
_NONBLOCK, _NO_RESAMPLE = 0x1, 0x10000
_RW_INTERLEAVED, _S32_LE = 3, 10
_TSTAMP_ENABLE, _TSTAMP_MONOTONIC = 1, 1

_PCM, _PLACE = c_void_p, c_void_p
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "open": (POINTER(c_void_p), c_char_p, c_int, c_int),
    "close": (_PCM,),
    "link": (_PCM, _PCM),
    "drop": (_PCM,),
    "hw_params_malloc": (POINTER(c_void_p),),
    "hw_params_any": (_PCM, _PLACE),
    "hw_params_set_rate_resample": (_PCM, _PLACE, c_uint),
    "hw_params_set_access": (_PCM, _PLACE, c_int),
    "hw_params_set_format": (_PCM, _PLACE, c_int),
    "hw_params_set_channels": (_PCM, _PLACE, c_uint),
    "hw_params_set_rate_near": (_PCM, _PLACE, POINTER(c_uint), POINTER(c_int)),
    "hw_params_set_period_size_near": (_PCM, _PLACE, POINTER(c_ulong), POINTER(c_int)),
    "hw_params_set_buffer_size_near": (_PCM, _PLACE, POINTER(c_ulong)),
    "hw_params": (_PCM, _PLACE),
    "sw_params_malloc": (POINTER(c_void_p),),
    "sw_params_current": (_PCM, _PLACE),
    "sw_params_get_boundary": (_PLACE, POINTER(c_ulong)),
    "sw_params_set_start_threshold": (_PCM, _PLACE, c_ulong),
    "sw_params_set_avail_min": (_PCM, _PLACE, c_ulong),
    "sw_params_set_tstamp_mode": (_PCM, _PLACE, c_int),
    "sw_params_set_tstamp_type": (_PCM, _PLACE, c_int),
    "sw_params": (_PCM, _PLACE),
    "status_malloc": (POINTER(c_void_p),),
    "info_malloc": (POINTER(c_void_p),),
    "info": (_PCM, _PLACE),
    "info_get_card": (_PLACE,),
    "readi": (_PCM, _PLACE, c_ulong),
    "writei": (_PCM, _PLACE, c_ulong),
}
"""Arguments of what is called from here, without "snd_pcm_"; results are int, but for frames."""


@cache
def library() -> ctypes.CDLL:
    """libasound.so.2 with every function that is needed. PcmError (ENOSYS) where it, or one of them, is missing."""
    try:
        lib = ctypes.CDLL("libasound.so.2")
        for name, arguments in _SIGNATURES.items():
            function = lib[f"snd_pcm_{name}"]
            function.argtypes, function.restype = arguments, c_long if name in ("readi", "writei") else c_int
            setattr(lib, f"snd_pcm_{name}", function)
        for name in FUNCTIONS:
            lib[f"snd_pcm_{name}"]
        lib.snd_strerror.restype = c_char_p
    except (OSError, AttributeError) as error:
        raise PcmError(errno.ENOSYS, f"libasound cannot be used: {error}; install libasound2") from error
    silence_library(lib)
    return lib


def silence_library(lib: ctypes.CDLL) -> None:
    """Its own lines on stderr would stand beside our sentences. It calls this from the period loop, too: so what it calls is a
    function of C's that looks at its arguments and does nothing, and never one of Python's."""
    lib.snd_lib_error_set_handler(c_void_p(address_of(ctypes.CDLL(None).labs)))


@dataclass(frozen=True)
class Granted:
    """What a PCM will do."""

    handle: int
    buffer_frames: int
    card: int
    """Number of its sound card, -1 where there is none behind it."""


def open_pcm(
    device: str, direction: int, rate_hz: int, channels: int, period_frames: int, buffer_frames: int
) -> Granted:
    """Open *device* for int32 frames, non-blocking, exactly as asked. PcmError in one sentence, and nothing is open.

    Where the hardware has other sample formats or channels, libasound's plug converts them; it never resamples.
    """
    if device.startswith("hw:"):
        try:
            return _open(device, direction, rate_hz, channels, period_frames, buffer_frames)
        except PcmError as error:
            if error.errno != errno.EINVAL:
                raise
        device = f"plug{device}"
    return _open(device, direction, rate_hz, channels, period_frames, buffer_frames)


def _open(device: str, direction: int, rate_hz: int, channels: int, period_frames: int, buffer_frames: int) -> Granted:
    lib, handle = library(), c_void_p()
    way = "capture" if direction == CAPTURE else "playback"
    where = f"{device} ({way})"
    problem = lib.snd_pcm_open(byref(handle), device.encode(), direction, _NONBLOCK | _NO_RESAMPLE)
    if problem < 0:
        raise refusal(device, way, -problem)
    try:
        with _place(lib, "hw_params") as params:
            buffer = _set_hardware(lib, handle, params, where, rate_hz, channels, period_frames, buffer_frames)
        with _place(lib, "sw_params") as params:
            _set_software(lib, handle, params, where, period_frames)
        with _place(lib, "info") as info:
            _check(lib.snd_pcm_info(handle, info), where)
            card = lib.snd_pcm_info_get_card(info)
    except BaseException:
        lib.snd_pcm_close(handle)
        raise
    return Granted(handle.value or 0, buffer, card)


def _set_hardware(
    lib: ctypes.CDLL, handle: c_void_p, params: c_void_p, where: str,
    rate_hz: int, channels: int, period_frames: int, buffer_frames: int,
) -> int:  # fmt: skip
    _check(lib.snd_pcm_hw_params_any(handle, params), where)
    _check(lib.snd_pcm_hw_params_set_rate_resample(handle, params, 0), where)
    _check(lib.snd_pcm_hw_params_set_access(handle, params, _RW_INTERLEAVED), where, "it has no interleaved access")
    _check(lib.snd_pcm_hw_params_set_format(handle, params, _S32_LE), where, "it has no 32-bit samples")
    _check(lib.snd_pcm_hw_params_set_channels(handle, params, channels), where, f"it has no {channels} channels")
    rate, period, buffer, near = c_uint(rate_hz), c_ulong(period_frames), c_ulong(buffer_frames), c_int(0)
    _check(lib.snd_pcm_hw_params_set_rate_near(handle, params, byref(rate), byref(near)), where)
    _refuse_other(where, "Hz", rate_hz, rate.value, rate.value == rate_hz)
    near = c_int(0)
    _check(lib.snd_pcm_hw_params_set_period_size_near(handle, params, byref(period), byref(near)), where)
    fits = 0 < period.value <= period_frames and period_frames % period.value == 0
    _refuse_other(where, "frames a period", period_frames, period.value, fits)
    _check(lib.snd_pcm_hw_params_set_buffer_size_near(handle, params, byref(buffer)), where)
    _check(lib.snd_pcm_hw_params(handle, params), where)
    return buffer.value


def _set_software(lib: ctypes.CDLL, handle: c_void_p, params: c_void_p, where: str, period_frames: int) -> None:
    """Started by command alone; awake when a period is there; stamped by CLOCK_MONOTONIC."""
    boundary = c_ulong()
    _check(lib.snd_pcm_sw_params_current(handle, params), where)
    _check(lib.snd_pcm_sw_params_get_boundary(params, byref(boundary)), where)
    _check(lib.snd_pcm_sw_params_set_start_threshold(handle, params, boundary.value), where)
    _check(lib.snd_pcm_sw_params_set_avail_min(handle, params, period_frames), where)
    _check(lib.snd_pcm_sw_params_set_tstamp_mode(handle, params, _TSTAMP_ENABLE), where)
    lib.snd_pcm_sw_params_set_tstamp_type(handle, params, _TSTAMP_MONOTONIC)  # a plug-in may have no choice
    _check(lib.snd_pcm_sw_params(handle, params), where)


def _refuse_other(where: str, unit: str, asked: int, granted: int, fits: bool) -> None:
    if not fits:
        raise PcmError(
            errno.ENOTSUP, f"{where}: {asked} {unit} asked, {granted} granted; prefer another rate or period, or card"
        )


def _check(result: int, where: str, what: str = "") -> None:
    if result < 0:
        raise PcmError(-result, f"{where}: {what or library().snd_strerror(result).decode()}")


@contextmanager
def _place(lib: ctypes.CDLL, kind: str) -> Iterator[c_void_p]:
    """A parameter structure, for as long as it is needed."""
    place = c_void_p()
    if lib[f"snd_pcm_{kind}_malloc"](byref(place)) < 0:
        raise MemoryError
    try:
        yield place
    finally:
        free = lib[f"snd_pcm_{kind}_free"]
        free.argtypes, free.restype = (c_void_p,), None
        free(place)
