"""Every code of AudioToolbox/AudioSession.h, typed in once more: as characters and as the decimal number."""

import pytest

from firmware_py.audio import constants as k
from firmware_py.modes import Category, Mode

P, M, C, E = k.PropertyID, k.ModeCode, k.CategoryCode, k.ErrorCode

CODES = [
    (M.DEFAULT, "dflt", 1684434036),
    (M.VOICE_CHAT, "vcct", 1986225012),
    (M.VIDEO_RECORDING, "vrcd", 1987208036),
    (M.MEASUREMENT, "msmt", 1836281204),
    (M.GAME_CHAT, "gmct", 1735222132),
    (C.AMBIENT_SOUND, "ambi", 1634558569),
    (C.SOLO_AMBIENT_SOUND, "solo", 1936682095),
    (C.MEDIA_PLAYBACK, "medi", 1835361385),
    (C.RECORD_AUDIO, "reca", 1919247201),
    (C.PLAY_AND_RECORD, "plar", 1886151026),
    (C.AUDIO_PROCESSING, "proc", 1886547811),
    (C.USER_INTERFACE_SOUND_EFFECTS, "uifx", 1969841784),
    (C.LIVE_AUDIO, "live", 1818850917),
    (P.PREFERRED_HARDWARE_SAMPLE_RATE, "hwsr", 1752658802),
    (P.PREFERRED_HARDWARE_IO_BUFFER_DURATION, "iobd", 1768907364),
    (P.AUDIO_CATEGORY, "acat", 1633902964),
    (P.AUDIO_ROUTE_CHANGE, "roch", 1919902568),
    (P.CURRENT_HARDWARE_SAMPLE_RATE, "chsr", 1667789682),
    (P.CURRENT_HARDWARE_INPUT_NUMBER_CHANNELS, "chic", 1667787107),
    (P.CURRENT_HARDWARE_OUTPUT_NUMBER_CHANNELS, "choc", 1667788643),
    (P.CURRENT_HARDWARE_OUTPUT_VOLUME, "chov", 1667788662),
    (P.CURRENT_HARDWARE_INPUT_LATENCY, "cilt", 1667853428),
    (P.CURRENT_HARDWARE_OUTPUT_LATENCY, "colt", 1668246644),
    (P.CURRENT_HARDWARE_IO_BUFFER_DURATION, "chbd", 1667785316),
    (P.OTHER_AUDIO_IS_PLAYING, "othr", 1869899890),
    (P.OVERRIDE_AUDIO_ROUTE, "ovrd", 1870033508),
    (P.AUDIO_INPUT_AVAILABLE, "aiav", 1634296182),
    (P.SERVER_DIED, "died", 1684628836),
    (P.OTHER_MIXABLE_AUDIO_SHOULD_DUCK, "duck", 1685414763),
    (P.OVERRIDE_CATEGORY_MIX_WITH_OTHERS, "cmix", 1668114808),
    (P.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER, "cspk", 1668509803),
    (P.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT, "cblu", 1667394677),
    (P.INTERRUPTION_TYPE, "type", 1954115685),
    (P.MODE, "mode", 1836016741),
    (P.INPUT_SOURCES, "srcs", 1936876403),
    (P.OUTPUT_DESTINATIONS, "dsts", 1685288051),
    (P.INPUT_SOURCE, "isrc", 1769173603),
    (P.OUTPUT_DESTINATION, "odst", 1868854132),
    (P.INPUT_GAIN_AVAILABLE, "igav", 1768382838),
    (P.INPUT_GAIN_SCALAR, "igsc", 1768387427),
    (P.AUDIO_ROUTE_DESCRIPTION, "crar", 1668440434),
    (P.AUDIO_ROUTE, "rout", 1919907188),
    (k.OverrideRoute.SPEAKER, "spkr", 1936747378),
    (k.InterruptionType.SHOULD_RESUME, "irsm", 1769108333),
    (k.InterruptionType.SHOULD_NOT_RESUME, "!rsm", 561148781),
    (E.NOT_INITIALIZED, "!ini", 560557673),
    (E.ALREADY_INITIALIZED, "init", 1768843636),
    (E.INITIALIZATION, "ini?", 1768843583),
    (E.UNSUPPORTED_PROPERTY, "pty?", 1886681407),
    (E.BAD_PROPERTY_SIZE, "!siz", 561211770),
    (E.NOT_ACTIVE, "!act", 560030580),
    (E.NO_HARDWARE, "nohw", 1852794999),
    (E.NO_CATEGORY_SET, "?cat", 1063477620),
    (E.INCOMPATIBLE_CATEGORY, "!cat", 560161140),
    (E.UNSPECIFIED, "what", 2003329396),
    (k.AVErrorCode.MEDIA_SERVICES_FAILED, "msrv", 1836282486),
    (k.AVErrorCode.IS_BUSY, "!act", 560030580),
    (k.AVErrorCode.INCOMPATIBLE_CATEGORY, "!cat", 560161140),
    (k.AVErrorCode.CANNOT_INTERRUPT_OTHERS, "!int", 560557684),
    (k.AVErrorCode.MISSING_ENTITLEMENT, "ent?", 1701737535),
    (k.AVErrorCode.SIRI_IS_RECORDING, "siri", 1936290409),
    (k.AVErrorCode.CANNOT_START_PLAYING, "!pla", 561015905),
    (k.AVErrorCode.CANNOT_START_RECORDING, "!rec", 561145187),
    (k.AVErrorCode.INSUFFICIENT_PRIORITY, "!pri", 561017449),
    (k.AVErrorCode.RESOURCE_NOT_AVAILABLE, "!res", 561145203),
    (k.AVErrorCode.UNSPECIFIED, "what", 2003329396),
    (k.AVErrorCode.EXPIRED_SESSION, "!ses", 561210739),
    (k.AVErrorCode.SESSION_NOT_ACTIVE, "inac", 1768841571),
]

NUMBERS = [
    (k.OverrideRoute.NONE, 0),
    (k.ActivationFlag.NOTIFY_OTHERS_ON_DEACTIVATION, 1),
    (k.InterruptionState.BEGIN, 1),
    (k.InterruptionState.END, 0),
    (k.RouteChangeReason.UNKNOWN, 0),
    (k.RouteChangeReason.NEW_DEVICE_AVAILABLE, 1),
    (k.RouteChangeReason.OLD_DEVICE_UNAVAILABLE, 2),
    (k.RouteChangeReason.CATEGORY_CHANGE, 3),
    (k.RouteChangeReason.OVERRIDE, 4),
    (k.RouteChangeReason.WAKE_FROM_SLEEP, 6),
    (k.RouteChangeReason.NO_SUITABLE_ROUTE_FOR_CATEGORY, 7),
    (k.RouteChangeReason.ROUTE_CONFIGURATION_CHANGE, 8),
    (E.NO_ERROR, 0),
    (k.AVErrorCode.BAD_PARAM, -50),
]

PROPERTIES = """
    hwsr Float64 gs      iobd Float32 gs      acat UInt32 gs       roch CFDictionaryRef L   chsr Float64 g
    chic UInt32 gL       choc UInt32 gL       chov Float32 gL      cilt Float32 g           colt Float32 g
    chbd Float32 g       othr UInt32 g        ovrd UInt32 s        aiav UInt32 gL           died UInt32 L
    duck UInt32 gs       cmix UInt32 gs       cspk UInt32 gs       cblu UInt32 gs           type UInt32 g
    mode UInt32 gs       srcs CFArrayRef gL   dsts CFArrayRef gL   isrc CFNumberRef gs      odst CFNumberRef gs
    igav UInt32 gL       igsc Float32 gsL     crar CFDictionaryRef g                        rout CFStringRef g
"""


@pytest.mark.parametrize(("constant", "characters", "number"), CODES)
def test_a_code_is_its_characters_and_its_number(constant, characters, number):
    assert k.fourcc(characters) == constant == number
    assert k.spell(constant) == characters


@pytest.mark.parametrize(("constant", "number"), NUMBERS)
def test_a_small_constant_has_its_number(constant, number):
    assert constant == number


def test_no_constant_is_missing_here_and_none_is_invented():
    kinds = (M, C, P, E, k.AVErrorCode, k.OverrideRoute, k.ActivationFlag, k.InterruptionState, k.InterruptionType,
             k.RouteChangeReason)  # fmt: skip
    listed = {(type(constant), int(constant)) for constant, *_ in [*CODES, *NUMBERS]}
    assert listed == {(kind, int(constant)) for kind in kinds for constant in kind}
    assert 5 not in list(k.RouteChangeReason)


def test_a_property_has_the_type_and_the_access_of_the_header():
    words = PROPERTIES.split()
    table = {k.fourcc(words[i]): (words[i + 1], words[i + 2]) for i in range(0, len(words), 3)}
    assert table == {int(id): (fact.type.c_name, fact.access) for id, fact in k.PROPERTIES.items()}


@pytest.mark.parametrize(
    ("c_name", "size"),
    [
        ("UInt32", 4), ("Float32", 4), ("Float64", 8),
        ("CFNumberRef", 8), ("CFStringRef", 8), ("CFArrayRef", 8), ("CFDictionaryRef", 8),
    ],
)  # fmt: skip
def test_a_type_has_its_size_in_bytes(c_name, size):
    assert {kind.c_name: kind.size for kind in k.ValueType}[c_name] == size


def test_options_are_settable_in_the_categories_of_the_header_only():
    playing, conversing = {Category.MEDIA_PLAYBACK, Category.PLAY_AND_RECORD}, {Category.PLAY_AND_RECORD}
    recording = {Category.RECORD_AUDIO, Category.PLAY_AND_RECORD}
    restricted = {id: set(fact.categories) for id, fact in k.PROPERTIES.items() if fact.categories is not None}
    assert restricted == {
        P.OVERRIDE_AUDIO_ROUTE: conversing,
        P.OVERRIDE_CATEGORY_MIX_WITH_OTHERS: playing,
        P.OVERRIDE_CATEGORY_DEFAULT_TO_SPEAKER: conversing,
        P.OVERRIDE_CATEGORY_ENABLE_BLUETOOTH_INPUT: recording,
    }


def test_every_mode_and_category_has_a_code_and_the_deprecated_ones_behave_as_their_successors():
    assert set(k.MODES.values()) == set(Mode)
    assert set(k.CATEGORIES.values()) == set(Category)
    assert k.CATEGORIES[C.USER_INTERFACE_SOUND_EFFECTS] is Category.AMBIENT_SOUND
    assert k.CATEGORIES[C.LIVE_AUDIO] is Category.MEDIA_PLAYBACK


def test_a_code_of_any_other_length_is_refused():
    with pytest.raises(ValueError, match="four characters"):
        k.fourcc("vc")


def test_the_keys_have_the_texts_seen_on_ios():
    assert k.Key.ROUTE_CHANGE_REASON == "OutputDeviceDidChange_Reason"
    assert k.Key.ROUTE_CHANGE_OLD_ROUTE == "OutputDeviceDidChange_OldRoute"
    assert k.Key.ROUTE_CHANGE_CURRENT_DESCRIPTION == "ActiveAudioRouteDidChange_NewDetailedRoute"
