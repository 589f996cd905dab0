"""What Apple's Audio Session Services are written in: every code, its bytes, and who may read or set it. Facts, no behaviour.

Names and numbers are those of AudioToolbox/AudioSession.h (2006-2013). That header declares the dictionary keys and the
names of route types without showing their text; the texts here are the ones iOS was seen to use. The errors of the newer
AVAudioSession are those of AudioSessionTypes.h: the same number may mean something else there (see `AVErrorCode.IS_BUSY`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag, StrEnum

from firmware_py.errors import SessionError
from firmware_py.modes import Category, Mode


def fourcc(text: str) -> int:
    """Four characters as Apple packs them: ASCII, the first one in the highest byte.

    >>> fourcc("vcct")
    1986225012
    """
    packed = text.encode("ascii")
    if len(packed) != 4:
        raise ValueError(f"a four-character code has four characters, not {len(packed)}: {text!r}")
    return int.from_bytes(packed, "big")


def spell(code: int) -> str:
    """A code as people write it: its four characters if it has four, else its decimal number.

    >>> spell(1986225012), spell(0)
    ('vcct', '0')
    """
    packed = (code & 0xFFFF_FFFF).to_bytes(4, "big")
    return packed.decode("ascii") if all(0x20 <= byte < 0x7F for byte in packed) else str(code)


class ModeCode(IntEnum):
    """kAudioSessionMode_..."""

    DEFAULT = fourcc("dflt")
    VOICE_CHAT = fourcc("vcct")
    VIDEO_RECORDING = fourcc("vrcd")
    MEASUREMENT = fourcc("msmt")
    GAME_CHAT = fourcc("gmct")


class CategoryCode(IntEnum):
    """kAudioSessionCategory_..., the two deprecated ones last."""

    AMBIENT_SOUND = fourcc("ambi")
    SOLO_AMBIENT_SOUND = fourcc("solo")
    MEDIA_PLAYBACK = fourcc("medi")
    RECORD_AUDIO = fourcc("reca")
    PLAY_AND_RECORD = fourcc("plar")
    AUDIO_PROCESSING = fourcc("proc")
    USER_INTERFACE_SOUND_EFFECTS = fourcc("uifx")
    LIVE_AUDIO = fourcc("live")


MODES: Mapping[ModeCode, Mode] = {code: Mode[code.name] for code in ModeCode}

CATEGORIES: Mapping[CategoryCode, Category] = {
    **{CategoryCode[category.name]: category for category in Category},
    CategoryCode.USER_INTERFACE_SOUND_EFFECTS: Category.AMBIENT_SOUND,
    CategoryCode.LIVE_AUDIO: Category.MEDIA_PLAYBACK,
}
"""How each category behaves; the deprecated ones behave as those that replaced them."""


class OverrideRoute(IntEnum):
    """kAudioSessionOverrideAudioRoute_..."""

    NONE = 0
    SPEAKER = fourcc("spkr")


class ActivationFlag(IntFlag):
    """kAudioSessionSetActiveFlag_...; documented for deactivation only, tolerated and ignored on activation."""

    NOTIFY_OTHERS_ON_DEACTIVATION = 1 << 0


class InterruptionState(IntEnum):
    """kAudioSession...Interruption. Begin is 1 and End is 0."""

    BEGIN = 1
    END = 0


class InterruptionType(IntEnum):
    """kAudioSessionInterruptionType_..."""

    SHOULD_RESUME = fourcc("irsm")
    SHOULD_NOT_RESUME = fourcc("!rsm")


class RouteChangeReason(IntEnum):
    """kAudioSessionRouteChangeReason_...; there is no 5."""

    UNKNOWN = 0
    NEW_DEVICE_AVAILABLE = 1
    OLD_DEVICE_UNAVAILABLE = 2
    CATEGORY_CHANGE = 3
    OVERRIDE = 4
    WAKE_FROM_SLEEP = 6
    NO_SUITABLE_ROUTE_FOR_CATEGORY = 7
    ROUTE_CONFIGURATION_CHANGE = 8


class ErrorCode(IntEnum):
    """kAudioSession...Error, with NO_ERROR first. There is no 'noca' and no '!prm' in this API."""

    NO_ERROR = 0
    NOT_INITIALIZED = fourcc("!ini")
    ALREADY_INITIALIZED = fourcc("init")
    INITIALIZATION = fourcc("ini?")
    UNSUPPORTED_PROPERTY = fourcc("pty?")
    BAD_PROPERTY_SIZE = fourcc("!siz")
    NOT_ACTIVE = fourcc("!act")
    NO_HARDWARE = fourcc("nohw")
    NO_CATEGORY_SET = fourcc("?cat")
    INCOMPATIBLE_CATEGORY = fourcc("!cat")
    UNSPECIFIED = fourcc("what")


class AVErrorCode(IntEnum):
    """AVAudioSessionErrorCode..., of the successor. IS_BUSY has the number of NOT_ACTIVE and the opposite advice."""

    MEDIA_SERVICES_FAILED = fourcc("msrv")
    IS_BUSY = fourcc("!act")
    INCOMPATIBLE_CATEGORY = fourcc("!cat")
    CANNOT_INTERRUPT_OTHERS = fourcc("!int")
    MISSING_ENTITLEMENT = fourcc("ent?")
    SIRI_IS_RECORDING = fourcc("siri")
    CANNOT_START_PLAYING = fourcc("!pla")
    CANNOT_START_RECORDING = fourcc("!rec")
    BAD_PARAM = -50
    INSUFFICIENT_PRIORITY = fourcc("!pri")
    RESOURCE_NOT_AVAILABLE = fourcc("!res")
    UNSPECIFIED = fourcc("what")
    EXPIRED_SESSION = fourcc("!ses")
    SESSION_NOT_ACTIVE = fourcc("inac")


class AudioSessionError(SessionError):
    """A refusal: `code` is the one Apple documents, the sentence is for people. Nothing has changed unless it says so."""

    def __init__(self, code: ErrorCode | AVErrorCode, sentence: str) -> None:
        super().__init__(f"{sentence} [{spell(code)}]")
        self.code = code


class ValueType(Enum):
    """How a value looks as bytes: its name in the header, and the format of `struct` (None: a pointer to an object)."""

    UINT32 = ("UInt32", "=I")
    FLOAT32 = ("Float32", "=f")
    FLOAT64 = ("Float64", "=d")
    NUMBER = ("CFNumberRef", None)
    STRING = ("CFStringRef", None)
    ARRAY = ("CFArrayRef", None)
    DICTIONARY = ("CFDictionaryRef", None)

    def __init__(self, c_name: str, packing: str | None) -> None:
        self.c_name, self.packing = c_name, packing

    @property
    def size(self) -> int:
        """Bytes; a pointer has those of a 64-bit machine."""
        return 4 if self in (ValueType.UINT32, ValueType.FLOAT32) else 8


class PropertyID(IntEnum):
    """kAudioSessionProperty_..."""

    PREFERRED_HARDWARE_SAMPLE_RATE = fourcc("hwsr")
    PREFERRED_HARDWARE_IO_BUFFER_DURATION = fourcc("iobd")
    AUDIO_CATEGORY = fourcc("acat")
    AUDIO_ROUTE_CHANGE = fourcc("roch")
    CURRENT_HARDWARE_SAMPLE_RATE = fourcc("chsr")
    CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS = fourcc("chic")
    CURRENT_HARDWARE_OUTPUT_NUMBER_CHANNELS = fourcc("choc")
    CURRENT_HARDWARE_OUTPUT_VOLUME = fourcc("chov")
    CURRENT_HARDWARE_INPUT_LATENCY = fourcc("cilt")
    CURRENT_HARDWARE_OUTPUT_LATENCY = fourcc("colt")
    CURRENT_HARDWARE_IO_BUFFER_DURATION = fourcc("chbd")
    OTHER_AUDIO_IS_PLAYING = fourcc("othr")
    OVERRIDE_AUDIO_ROUTE = fourcc("ovrd")
    AUDIO_INPUT_AVAILABLE = fourcc("aiav")
    SERVER_DIED = fourcc("died")
    OTHER_MIXABLE_AUDIO_SHOULD_DUCK = fourcc("duck")
    OVERRIDE_CATEGORY_MIX_WITH_OTHERS = fourcc("cmix")
    OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER = fourcc("cspk")
    OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT = fourcc("cblu")
    INTERRUPTION_TYPE = fourcc("type")
    MODE = fourcc("mode")
    INPUT_SOURCES = fourcc("srcs")
    OUTPUT_DESTINATIONS = fourcc("dsts")
    INPUT_SOURCE = fourcc("isrc")
    OUTPUT_DESTINATION = fourcc("odst")
    INPUT_GAIN_AVAILABLE = fourcc("igav")
    INPUT_GAIN_SCALAR = fourcc("igsc")
    AUDIO_ROUTE_DESCRIPTION = fourcc("crar")
    AUDIO_ROUTE = fourcc("rout")


@dataclass(frozen=True)
class Property:
    """What the header says of a property.

    access        "g" may be read, "s" set, "L" listened to
    categories    the only ones in which it may be set; None is all
    needs         "input" or "output": it can be read only where the category has that direction
    """

    type: ValueType
    access: str
    categories: frozenset[Category] | None = None
    needs: str | None = None


_PLAYING = frozenset({Category.PLAY_AND_RECORD, Category.MEDIA_PLAYBACK})
_CONVERSING = frozenset({Category.PLAY_AND_RECORD})
_RECORDING = frozenset({Category.PLAY_AND_RECORD, Category.RECORD_AUDIO})

PROPERTIES: Mapping[PropertyID, Property] = {
    PropertyID.PREFERRED_HARDWARE_SAMPLE_RATE:           Property(ValueType.FLOAT64, "gs"),
    PropertyID.PREFERRED_HARDWARE_IO_BUFFER_DURATION:    Property(ValueType.FLOAT32, "gs"),
    PropertyID.AUDIO_CATEGORY:                           Property(ValueType.UINT32, "gs"),
    PropertyID.AUDIO_ROUTE_CHANGE:                       Property(ValueType.DICTIONARY, "L"),
    PropertyID.CURRENT_HARDWARE_SAMPLE_RATE:             Property(ValueType.FLOAT64, "g"),
    PropertyID.CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS:   Property(ValueType.UINT32, "gL", needs="input"),
    PropertyID.CURRENT_HARDWARE_OUTPUT_NUMBER_CHANNELS:  Property(ValueType.UINT32, "gL", needs="output"),
    PropertyID.CURRENT_HARDWARE_OUTPUT_VOLUME:           Property(ValueType.FLOAT32, "gL", needs="output"),
    PropertyID.CURRENT_HARDWARE_INPUT_LATENCY:           Property(ValueType.FLOAT32, "g", needs="input"),
    PropertyID.CURRENT_HARDWARE_OUTPUT_LATENCY:          Property(ValueType.FLOAT32, "g", needs="output"),
    PropertyID.CURRENT_HARDWARE_IO_BUFFER_DURATION:      Property(ValueType.FLOAT32, "g"),
    PropertyID.OTHER_AUDIO_IS_PLAYING:                   Property(ValueType.UINT32, "g"),
    PropertyID.OVERRIDE_AUDIO_ROUTE:                     Property(ValueType.UINT32, "s", _CONVERSING),
    PropertyID.AUDIO_INPUT_AVAILABLE:                    Property(ValueType.UINT32, "gL"),
    PropertyID.SERVER_DIED:                              Property(ValueType.UINT32, "L"),
    PropertyID.OTHER_MIXABLE_AUDIO_SHOULD_DUCK:          Property(ValueType.UINT32, "gs"),
    PropertyID.OVERRIDE_CATEGORY_MIX_WITH_OTHERS:        Property(ValueType.UINT32, "gs", _PLAYING),
    PropertyID.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER:     Property(ValueType.UINT32, "gs", _CONVERSING),
    PropertyID.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT: Property(ValueType.UINT32, "gs", _RECORDING),
    PropertyID.INTERRUPTION_TYPE:                        Property(ValueType.UINT32, "g"),
    PropertyID.MODE:                                     Property(ValueType.UINT32, "gs"),
    PropertyID.INPUT_SOURCES:                            Property(ValueType.ARRAY, "gL"),
    PropertyID.OUTPUT_DESTINATIONS:                      Property(ValueType.ARRAY, "gL"),
    PropertyID.INPUT_SOURCE:                             Property(ValueType.NUMBER, "gs", needs="input"),
    PropertyID.OUTPUT_DESTINATION:                       Property(ValueType.NUMBER, "gs", needs="output"),
    PropertyID.INPUT_GAIN_AVAILABLE:                     Property(ValueType.UINT32, "gL", needs="input"),
    PropertyID.INPUT_GAIN_SCALAR:                        Property(ValueType.FLOAT32, "gsL", needs="input"),
    PropertyID.AUDIO_ROUTE_DESCRIPTION:                  Property(ValueType.DICTIONARY, "g"),
    PropertyID.AUDIO_ROUTE:                              Property(ValueType.STRING, "g"),
}  # fmt: skip


class Key(StrEnum):
    """kAudioSession_...Key_...: what a dictionary holds where. The texts are those seen on iOS."""

    ROUTE_CHANGE_REASON = "OutputDeviceDidChange_Reason"
    ROUTE_CHANGE_OLD_ROUTE = "OutputDeviceDidChange_OldRoute"
    ROUTE_CHANGE_PREVIOUS_DESCRIPTION = "ActiveAudioRouteDidChange_OldDetailedRoute"
    ROUTE_CHANGE_CURRENT_DESCRIPTION = "ActiveAudioRouteDidChange_NewDetailedRoute"
    ROUTE_INPUTS = "RouteDetailedDescription_Inputs"
    ROUTE_OUTPUTS = "RouteDetailedDescription_Outputs"
    ROUTE_TYPE = "RouteDetailedDescription_PortType"
    INPUT_SOURCE_ID = "input source ID"
    INPUT_SOURCE_DESCRIPTION = "input source name"
    OUTPUT_DESTINATION_ID = "output destination ID"
    OUTPUT_DESTINATION_DESCRIPTION = "output destination name"


class InputRoute(StrEnum):
    """kAudioSessionInputRoute_... The texts are those seen on iOS."""

    LINE_IN = "LineIn"
    BUILT_IN_MIC = "MicrophoneBuiltIn"
    HEADSET_MIC = "MicrophoneWired"
    BLUETOOTH_HFP = "MicrophoneBluetooth"
    USB_AUDIO = "USBInput"


class OutputRoute(StrEnum):
    """kAudioSessionOutputRoute_... The texts are those seen on iOS."""

    LINE_OUT = "LineOut"
    HEADPHONES = "Headphones"
    BLUETOOTH_HFP = "BluetoothHFPOutput"
    BLUETOOTH_A2DP = "BluetoothA2DPOutput"
    BUILT_IN_RECEIVER = "Receiver"
    BUILT_IN_SPEAKER = "Speaker"
    USB_AUDIO = "USBOutput"
    HDMI = "HDMIOutput"
    AIR_PLAY = "AirPlay"


ROUTE_TYPES: Mapping[str, InputRoute | OutputRoute] = {
    "lineIn": InputRoute.LINE_IN,
    "builtInMic": InputRoute.BUILT_IN_MIC,
    "headsetMic": InputRoute.HEADSET_MIC,
    "lineOut": OutputRoute.LINE_OUT,
    "headphones": OutputRoute.HEADPHONES,
    "builtInReceiver": OutputRoute.BUILT_IN_RECEIVER,
    "builtInSpeaker": OutputRoute.BUILT_IN_SPEAKER,
}
"""What a board's port types are called there."""
