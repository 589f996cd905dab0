"""Who can be tried: this project's canceller, and others that are found on this machine when they are asked for.

Each takes one frame of microphone and the frame of far end that played with it, as one causal stream; nobody is told the delay, and
everybody runs as it comes. *speex* is SpeexDSP's canceller through ctypes (Debian libspeexdsp1), alone and with its preprocessor
tied to it; *webrtc* is WebRTC's AEC3 as the wheels aec-audio-processing or livekit carry it. What is not there is not run, and the
reason says what to install.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_py.dsp import EchoCanceller
from firmware_py.errors import FirmwareError, UnknownNameError

Floats = NDArray[np.float32]

PEERS: Final = ("speex", "webrtc")
SPEEX_FRAME_S, SPEEX_TAIL_S = 0.010, 0.128
_SAMPLING_RATE, _SET_ECHO_STATE = 24, 24  # SPEEX_ECHO_SET_SAMPLING_RATE, SPEEX_PREPROCESS_SET_ECHO_STATE
_INT16 = 32768.0


class CancellerError(FirmwareError, ValueError):
    """A canceller that cannot be made as asked."""


class Running(Protocol):
    """One canceller at work: frames of *frame* samples, float32 or whole numbers of 16 bits, into *out*."""

    frame: int
    whole_numbers: bool

    def process(self, mic: Any, far: Any, out: Any) -> None: ...


@dataclass(frozen=True)
class Maker:
    """How one is made, for a rate; *linear* only subtracts. *said*: which one it is exactly."""

    name: str
    linear: bool
    make: Callable[[int], Running]
    said: str


def ours(block_s: float, tail_s: float, *, suppress: bool = True) -> Maker:
    """This project's, whole or its linear stage alone. Its tail is whole blocks, at least *tail_s*."""
    tail_s = whole_blocks_s(tail_s, block_s)
    name = "audiohat" if suppress else "audiohat linear"
    what = "this canceller" if suppress else "its linear stage alone"
    return Maker(
        name, not suppress, lambda rate_hz: Own(rate_hz, block_s, tail_s, suppress), _sizes(what, block_s, tail_s)
    )


def whole_blocks_s(tail_s: float, block_s: float) -> float:
    """The shortest multiple of the block that is as long as *tail_s*."""
    return math.ceil(tail_s / block_s - 1e-6) * block_s


def speex(frame_s: float, tail_s: float, *, preprocess: bool = False) -> Maker:
    """SpeexDSP's, alone or with its preprocessor."""
    name = "speex + pre" if preprocess else "speex"
    what = "SpeexDSP's canceller" + (" and the preprocessor tied to it" if preprocess else "")
    return Maker(
        name, not preprocess, lambda rate_hz: Speex(rate_hz, frame_s, tail_s, preprocess), _sizes(what, frame_s, tail_s)
    )


def _sizes(what: str, block_s: float, tail_s: float) -> str:
    return f"{what}, block {1e3 * block_s:g} ms, tail {1e3 * tail_s:g} ms"


def find(peers: Sequence[str], tail_s: float) -> tuple[list[Maker], dict[str, str]]:
    """Those peers that are here, and why the others are not."""
    found: list[Maker] = []
    absent: dict[str, str] = {}
    for peer in dict.fromkeys(peers):
        if peer not in PEERS:
            raise UnknownNameError("peer", peer, PEERS)
        try:
            if peer == "speex":
                _speexdsp()
                found += [speex(SPEEX_FRAME_S, tail_s), speex(SPEEX_FRAME_S, tail_s, preprocess=True)]
            else:
                found.append(_webrtc())
        except (OSError, ImportError) as error:
            absent[peer] = str(error)
    return found, absent


def run(maker: Maker, rate_hz: int, mic: Floats, far: Floats) -> Floats:
    """What a new canceller makes of a recording, as long as it was; the end that fills no frame is silent."""
    canceller = maker.make(rate_hz)
    frame = canceller.frame
    one, other = frames_of(canceller, mic), frames_of(canceller, far)
    out = np.zeros_like(one)
    for start in range(0, one.size - frame + 1, frame):
        part = slice(start, start + frame)
        canceller.process(one[part], other[part], out[part])
    return out.astype(np.float32) / np.float32(_INT16) if out.dtype == np.int16 else np.asarray(out, np.float32)


def frames_of(canceller: Running, x: Floats) -> Any:
    """Samples as this canceller takes them."""
    if not canceller.whole_numbers:
        return np.ascontiguousarray(x, np.float32)
    return np.clip(np.round(np.asarray(x, np.float64) * _INT16), -_INT16, _INT16 - 1).astype(np.int16)


class Own:
    """The product's canceller, by its public face."""

    whole_numbers = False

    def __init__(self, rate_hz: int, block_s: float, tail_s: float, suppress: bool) -> None:
        self.frame = round(block_s * rate_hz)
        try:
            self.canceller = EchoCanceller(rate_hz=rate_hz, block_frames=self.frame, tail_s=tail_s, suppress=suppress)
        except ValueError as error:
            raise CancellerError(str(error)) from error
        self.process = self.canceller.process


class Speex:
    """libspeexdsp's echo state, with or without its preprocessor."""

    whole_numbers = True

    def __init__(self, rate_hz: int, frame_s: float, tail_s: float, preprocess: bool) -> None:
        self._library = library = _speexdsp()
        self.frame = round(frame_s * rate_hz)
        self._echo = library.speex_echo_state_init(self.frame, round(tail_s * rate_hz))
        library.speex_echo_ctl(self._echo, _SAMPLING_RATE, ctypes.byref(ctypes.c_int(rate_hz)))
        weakref.finalize(self, library.speex_echo_state_destroy, self._echo)
        self._preprocessor = None
        if preprocess:
            self._preprocessor = library.speex_preprocess_state_init(self.frame, rate_hz)
            library.speex_preprocess_ctl(self._preprocessor, _SET_ECHO_STATE, self._echo)
            weakref.finalize(self, library.speex_preprocess_state_destroy, self._preprocessor)

    def process(self, mic: Any, far: Any, out: Any) -> None:
        target = out.ctypes.data
        self._library.speex_echo_cancellation(self._echo, mic.ctypes.data, far.ctypes.data, target)
        if self._preprocessor:
            self._library.speex_preprocess_run(self._preprocessor, target)


@lru_cache(maxsize=1)
def _speexdsp() -> Any:
    try:
        library = ctypes.CDLL("libspeexdsp.so.1")
    except OSError as error:
        raise OSError("libspeexdsp.so.1 is not here; install Debian's libspeexdsp1") from error
    pointer, number = ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
        ("echo_state_init", pointer, [number, number]),
        ("echo_ctl", number, [pointer, number, pointer]),
        ("echo_cancellation", None, [pointer] * 4),
        ("echo_state_destroy", None, [pointer]),
        ("preprocess_state_init", pointer, [number, number]),
        ("preprocess_ctl", number, [pointer, number, pointer]),
        ("preprocess_run", number, [pointer, pointer]),
        ("preprocess_state_destroy", None, [pointer]),
    ):
        function = getattr(library, f"speex_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _webrtc() -> Maker:
    carriers: tuple[tuple[str, Callable[[int], Running]], ...] = (
        ("aec_audio_processing", AecAudioProcessing),
        ("livekit.rtc", LiveKit),
    )
    for module, make in carriers:
        try:
            import_module(module)
        except ImportError:
            continue
        wheel = module.split(".")[0].replace("_", "-")
        return Maker("webrtc", False, make, f"WebRTC's AEC3 in {wheel} {version(wheel)}")
    raise ImportError("no wheel with it is here; pip install aec-audio-processing, or livekit")


class AecAudioProcessing:
    """WebRTC's audio processing in the wheel aec-audio-processing: echo canceller alone."""

    whole_numbers = True

    def __init__(self, rate_hz: int) -> None:
        self.frame = rate_hz // 100
        self._processor = import_module("aec_audio_processing").AudioProcessor(
            enable_aec=True, enable_ns=False, enable_agc=False, enable_vad=False
        )
        self._processor.set_stream_format(rate_hz, 1, rate_hz, 1)
        self._processor.set_reverse_stream_format(rate_hz, 1)
        self._processor.set_stream_delay(0)

    def process(self, mic: Any, far: Any, out: Any) -> None:
        self._processor.process_reverse_stream(far.tobytes())
        out[:] = np.frombuffer(self._processor.process_stream(mic.tobytes()), np.int16)


class LiveKit:
    """The same in the wheel livekit; it always has its high-pass on."""

    whole_numbers = True

    def __init__(self, rate_hz: int) -> None:
        self.frame, self._rate_hz = rate_hz // 100, rate_hz
        self._rtc = import_module("livekit.rtc")
        self._module = self._rtc.AudioProcessingModule(echo_cancellation=True, noise_suppression=False)
        self._module.set_stream_delay_ms(0)

    def process(self, mic: Any, far: Any, out: Any) -> None:
        far_frame, mic_frame = (
            self._rtc.AudioFrame(bytearray(x.tobytes()), self._rate_hz, 1, self.frame) for x in (far, mic)
        )
        self._module.process_reverse_stream(far_frame)
        self._module.process_stream(mic_frame)
        out[:] = np.frombuffer(bytes(mic_frame.data), np.int16)[: self.frame]
