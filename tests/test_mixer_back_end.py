"""A codec behind its kernel driver: plans of mixer controls, held against recordings of the drivers; and what a refusal leaves."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import replace

import pytest

from firmware_py import Category, Mode
from firmware_py.board import CodecDescription
from firmware_py.codec import plan
from firmware_py.codec.resolve import resolve
from firmware_py.descriptions import load_codec
from firmware_py.errors import BusError, DescriptionError, FirmwareError, ModeChangeFailed, PcmError
from firmware_py.mixer import KernelCodec, State, driver_card, plan_controls
from firmware_py.mixer.alsa import element_of
from firmware_py.mixer.plan import mixer_controls
from firmware_py.modes import PROFILES
from firmware_py.settings import codec_settings
from hil.witness.recording import Recording, load, recorded

CODECS = recorded()


class RecordedMixer:
    """A card's mixer as the recording of its driver tells of it, and the fields that follow its controls."""

    def __init__(self, recording: Recording) -> None:
        self._controls = dict(recording.controls)
        self.levels = {name: control.first for name, control in recording.controls.items()}
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.refuses: set[str] = set()  # with an error
        self.ignores: set[str] = set()  # without a word

    def read(self, names: Iterable[str]) -> dict[str, State]:
        return {n: State(self._shown(n), self._controls[n].items) for n in names if n in self._controls}

    def _shown(self, name: str) -> tuple[int, ...]:
        """Of items, pyalsaaudio shows those of the first channel."""
        return self.levels[name][:1] if self._controls[name].items else self.levels[name]

    def write(self, name: str, levels: tuple[int, ...]) -> None:
        control = self._controls[name]
        self.asked.append((name, levels))
        assert all(control.minimum <= level <= control.maximum for level in levels), f"{name} cannot be {levels}"
        if name in self.refuses:
            raise PcmError(errno.EIO, "Input/output error")
        if name not in self.ignores:
            self.levels[name] = levels + self.levels[name][len(levels) :]

    def fields(self) -> dict[tuple[int, int, int], int]:
        """Register, highest and lowest bit -> what is in them."""
        return {
            (move.register, move.msb, move.lsb): move.codes[self.levels[name][move.channel]]
            for name, control in self._controls.items()
            for move in control.moves
        }


def asked(codec: CodecDescription, mode: Mode, **others: object) -> dict:
    """What a mode asks of a codec with its presets, a microphone and whatever it can play through."""
    profile, rates = PROFILES[mode], codec.rates_at(codec.clocks[0].mclk_hz)
    settings = {
        **codec.defaults, "microphone": "on", "rate_hz": max(rate for rate in rates if rate <= 48_000),
        "provider": "codec", "mic_bias": True, "playback": True, "input_gain_db": 20.0, "noise_gate": False,
        "high_pass": profile.high_pass, "alc": profile.alc,
    }  # fmt: skip
    if "headphone" in codec.controls:
        settings["headphone"] = "on"
    if profile.alc:
        settings |= {
            name: getattr(profile, name)
            for name in ("alc_max_gain_db", "alc_target_dbfs", "alc_attack_ms", "alc_decay_ms", "alc_hold_ms")
        }
    return {name: value for name, value in settings.items() if name not in codec.absent} | others


def behind(codec: CodecDescription, mixer: RecordedMixer) -> KernelCodec:
    return KernelCodec(codec, mixer, codec.clocks[0].mclk_hz or 0, lambda: codec.kernel.name)


@pytest.fixture
def wm8960() -> tuple[KernelCodec, RecordedMixer]:
    mixer = RecordedMixer(load("wm8960"))
    return behind(load_codec("wm8960"), mixer), mixer


# The driver's controls.


@pytest.mark.parametrize("name", CODECS)
def test_the_driver_is_the_recorded_one_and_has_every_control_that_a_plan_may_move(name):
    driver, recording = load_codec(name).kernel, load(name)
    assert [control for control in mixer_controls(driver) if control not in recording.controls] == []
    items = {control: level for control, level in driver.set.items() if isinstance(level, str)}
    items |= {
        control: level
        for entry in driver.controls.values()
        for choice in entry.choices.values()
        for control, level in choice.items()
        if isinstance(level, str)
    }
    assert [(c, level) for c, level in items.items() if level not in recording.controls[c].items] == []


@pytest.mark.parametrize("mode", [Mode.DEFAULT, Mode.VOICE_CHAT, Mode.MEASUREMENT])
@pytest.mark.parametrize("name", CODECS)
def test_what_the_driver_writes_is_what_we_would_have_written(name, mode):
    codec, mixer = load_codec(name), RecordedMixer(load(name))
    settings = asked(codec, mode)
    kernel = behind(codec, mixer)
    planned = kernel.plan(settings)
    kernel.apply(planned)
    missing = {sentence.partition(":")[0] for sentence in planned.missing}
    off = [switch for switch, value in settings.items() if value in (False, "off")]
    fields, ours = mixer.fields(), resolve(codec, settings, kernel.mclk_hz)
    compared = 0
    for control in codec.kernel.controls.keys() & ours.keys() - missing:
        if any(control.startswith(f"{switch}_") for switch in off):
            continue
        for path, code in ours[control].items():
            register, bits = codec.map.find(path)
            if (place := (register.address, bits.msb, bits.lsb)) in fields and register.page == 0:
                compared += 1
                code = {0: 0, 15: 15}.get(code, 15) if path.endswith("_ADC") else code  # a switch knows two of sixteen
                assert fields[place] == code, f"{control}: {path} is {fields[place]}, not {code}"
    assert compared >= 6


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("name", CODECS)
def test_a_mode_that_stands_moves_nothing(name, mode):
    codec = load_codec(name)
    kernel = behind(codec, RecordedMixer(load(name)))
    kernel.apply(kernel.plan(asked(codec, mode)))
    assert kernel.plan(asked(codec, mode)).moves == ()


# What a mode loses.

BIAS = "driver powers the microphone"
CANNOT = [
    # codec          mode              what is missing
    ("wm8960",        Mode.DEFAULT,     ["mic_bias"]),
    ("wm8960",        Mode.MEASUREMENT, ["mic_bias"]),
    ("wm8731",        Mode.DEFAULT,     ["mic_bias"]),
    ("wm8731",        Mode.MEASUREMENT, ["mic_bias"]),
    ("sgtl5000",      Mode.DEFAULT,     ["alc", "mic_bias"]),        # levels what is played, not what is captured
    ("sgtl5000",      Mode.MEASUREMENT, ["high_pass", "mic_bias"]),  # no control: it stays on
    ("tlv320aic3104", Mode.DEFAULT,     ["alc_max_gain_db", "high_pass", "mic_bias"]),
    ("tlv320aic3104", Mode.MEASUREMENT, ["high_pass", "mic_bias"]),  # off is asked for, and nobody knows
    ("da7212",        Mode.DEFAULT,     ["mic_bias"]),
    ("da7212",        Mode.MEASUREMENT, ["mic_bias"]),
    ("es8388",        Mode.DEFAULT,     ["alc", "mic_bias"]),
    ("es8388",        Mode.MEASUREMENT, ["high_pass", "mic_bias"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mode", "lost"), CANNOT)
def test_what_the_driver_cannot_be_asked_for_is_said_and_nothing_else(name, mode, lost):
    codec = load_codec(name)
    missing = behind(codec, RecordedMixer(load(name))).plan(asked(codec, mode)).missing
    assert sorted(sentence.partition(":")[0] for sentence in missing if ": the " in sentence) == lost
    assert any(BIAS in sentence for sentence in missing)


def test_a_switch_that_is_stuck_is_told_with_where_it_is_stuck():
    codec = load_codec("sgtl5000")
    missing = plan_controls(codec, asked(codec, Mode.MEASUREMENT), codec.clocks[0].mclk_hz).missing
    assert "high_pass: the kernel driver 'sgtl5000' leaves it on, not off" in missing


def test_what_a_driver_cannot_be_asked_to_turn_off_may_be_on_and_that_is_said():
    codec, mixer = load_codec("tlv320aic3104"), RecordedMixer(load("tlv320aic3104"))
    mixer.levels["ADC HPF Cut-off"] = (3, 3)  # alsactl's doing
    kernel = behind(codec, mixer)
    unknown = "high_pass: the kernel driver 'tlv320aic3x' cannot be asked, and whether it is off is not known"
    assert unknown in kernel.plan(asked(codec, Mode.MEASUREMENT)).missing
    assert unknown not in kernel.plan(asked(codec, Mode.DEFAULT)).missing
    assert mixer.levels["ADC HPF Cut-off"] == (3, 3)


@pytest.mark.parametrize(
    ("name",         "setting",    "is_told"),
    [
        ("wm8960",   "mic_bias",   True),   # in [kernel.absent]
        ("sgtl5000", "alc",        False),  # known to be off
        ("wm8960",   "high_pass",  False),  # it is moved
        ("wm8731",   "noise_gate", False),  # the codec has none
        ("wm8960",   "playback",   False),  # streams settle it
    ],
)  # fmt: skip
def test_an_off_is_doubted_only_where_nobody_knows(name, setting, is_told):
    codec = load_codec(name)
    missing = behind(codec, RecordedMixer(load(name))).plan({**asked(codec, Mode.DEFAULT), setting: False}).missing
    doubts = [sentence for sentence in missing if "is not known" in sentence]
    assert [sentence.partition(":")[0] for sentence in doubts] == [setting] * is_told


def test_an_off_of_which_a_section_says_nothing_is_doubted_once(board):
    kernel = board.codec.kernel
    bare = replace(kernel, controls={n: c for n, c in kernel.controls.items() if n != "noise_gate"})
    settings = asked(board.codec, Mode.DEFAULT, noise_gate=False)
    missing = plan_controls(replace(board.codec, kernel=bare), settings, board.mclk_hz).missing
    told = [sentence for sentence in missing if sentence.startswith("noise_gate")]
    assert told == ["noise_gate: the kernel driver 'wm8960' cannot be asked, and whether it is off is not known"]


def test_one_loudspeaker_of_two_is_missed_but_it_sounds_at_the_gain_that_was_asked(board):
    settings = codec_settings(
        board, Mode.DEFAULT, PROFILES[Mode.DEFAULT], Category.PLAY_AND_RECORD,
        source=board.port("input"), destination=board.port("output"),
    )  # fmt: skip
    assert settings["speaker"] == "left"
    planned = plan_controls(board.codec, settings, board.mclk_hz)
    assert "speaker: the kernel driver 'wm8960' has no control by which it could be left" in planned.missing
    gain = next(move for move in planned.moves if move.control == "Speaker Playback Volume")
    assert gain.after == (121, 121)  # 0 dB


def test_a_card_that_lacks_a_control_costs_this_one_setting(wm8960):
    kernel, mixer = wm8960
    del mixer._controls["Noise Gate Switch"], mixer._controls["ALC Mode"]
    missing = kernel.plan(asked(kernel.description, Mode.DEFAULT)).missing
    assert "noise_gate: the card has no control 'Noise Gate Switch'" in missing
    assert "'ALC Mode': the card has no such control" in missing


def test_a_codec_of_whose_driver_nothing_is_known_has_no_such_plan(board):
    with pytest.raises(DescriptionError, match=r"it has no \[kernel\]"):
        plan_controls(replace(board.codec, kernel=None), {}, board.mclk_hz)


# The plan as a value.


def test_without_a_card_the_plan_says_where_controls_go_and_not_from_where(board):
    planned = plan_controls(board.codec, asked(board.codec, Mode.MEASUREMENT), board.mclk_hz)
    lines = str(planned).splitlines()
    assert "'ADC High Pass Filter Switch' ? -> 1  high_pass disabled" in lines
    assert lines[-1] == f"{len(planned.moves)} moves of mixer controls"
    assert planned.writes == ()


def test_the_plan_reads_as_from_and_to(wm8960):
    kernel, _ = wm8960
    lines = str(kernel.plan(asked(kernel.description, Mode.DEFAULT))).splitlines()
    assert "'ALC Target' 4 -> 8  alc_target_dbfs -12 dBFS" in lines  # 15 - code
    assert "'Capture Switch' 0 -> 1" in lines


def test_planning_moves_nothing_and_so_does_silence(wm8960):
    kernel, mixer = wm8960
    kernel.plan(asked(kernel.description, Mode.DEFAULT))
    kernel.apply(kernel.plan({}, "standby"))
    kernel.apply(kernel.plan({}, "off"))
    assert mixer.asked == []
    assert not kernel.touched


# Order.


def test_the_alc_is_off_while_anything_else_moves(wm8960):
    kernel, mixer = wm8960
    kernel.apply(kernel.plan(asked(kernel.description, Mode.DEFAULT)))
    assert mixer.asked[-1] == ("ALC Function", (3,))
    mixer.asked.clear()
    kernel.apply(kernel.plan(asked(kernel.description, Mode.DEFAULT, alc_decay_ms=3072.0)))
    names = [name for name, _ in mixer.asked]
    assert mixer.asked[0] == ("ALC Function", (0,))
    assert "ALC Decay" in names
    assert mixer.asked[-1] == ("ALC Function", (3,))


def test_a_gain_that_the_alc_has_moved_is_written_again_though_it_seems_to_stand(wm8960):
    kernel, mixer = wm8960
    kernel.apply(kernel.plan(asked(kernel.description, Mode.DEFAULT)))
    gain = mixer.levels["Capture Volume"]
    mixer.asked.clear()
    kernel.apply(kernel.plan(asked(kernel.description, Mode.VOICE_CHAT)))
    gains = [levels for name, levels in mixer.asked if name == "Capture Volume"]
    assert len(gains) == 2
    assert gains[0] != gain == gains[1]
    assert mixer.asked[0] == ("ALC Function", (0,))


# Refusals.


@pytest.mark.parametrize("how", ["refuses", "ignores"])
@pytest.mark.parametrize("victim", ["Capture Switch", "Playback Volume", "ALC Function"])
def test_a_control_that_does_not_move_leaves_all_where_they_were(wm8960, victim, how):
    kernel, mixer = wm8960
    kernel.apply(kernel.plan(asked(kernel.description, Mode.MEASUREMENT)))
    mixer.levels |= {"Capture Switch": (0, 0), "Playback Volume": (9, 9)}  # somebody else's doing
    stood, applied = dict(mixer.levels), kernel.applied
    getattr(mixer, how).add(victim)
    with pytest.raises(ModeChangeFailed, match=rf"step \d+ of \d+ \('{victim}'\)") as caught:
        kernel.apply(kernel.plan(asked(kernel.description, Mode.DEFAULT)))
    assert mixer.levels == stood
    assert "stand where they stood before" in str(caught.value)
    assert kernel.applied is applied


class GuardedMixer(RecordedMixer):
    """A chip that takes nothing but the guard itself while the guard is not 0, and moves some controls meanwhile."""

    def __init__(self, codec: CodecDescription) -> None:
        super().__init__(load(codec.name))
        self._driver = codec.kernel
        self._forget = set(codec.kernel.forget)
        self.taken = dict(self.levels)

    def write(self, name: str, levels: tuple[int, ...]) -> None:
        guard, stood = self._driver.guard, dict(self.levels)
        super().write(name, levels)
        if self.levels[name] == stood[name]:
            return  # a driver writes nothing that it believes to stand
        if name == guard or not any(stood[guard]):
            self.taken[name] = self.levels[name]
        if name == guard and any(levels):
            self.taken |= dict.fromkeys(self._forget, ())


GUARDED = [name for name in CODECS if load_codec(name).kernel.guard]
WAYS = [({}, {"alc_decay_ms": 3072.0}), ({"alc": False}, {}), ({}, {"alc": False})]


@pytest.mark.parametrize("how", ["refuses", "ignores"])
@pytest.mark.parametrize(("first", "then"), WAYS, ids=["on to on", "off to on", "on to off"])
@pytest.mark.parametrize("name", GUARDED)
def test_no_way_back_moves_anything_under_the_guard(name, first, then, how):
    codec = load_codec(name)
    victim = codec.kernel.controls["headphone_gain_db"].controls[0]
    mixer = GuardedMixer(codec)
    kernel = behind(codec, mixer)
    kernel.apply(kernel.plan(asked(codec, Mode.DEFAULT, **first)))
    stood = dict(mixer.levels)
    assert {n for n, levels in mixer.taken.items() if levels != stood[n]} <= mixer._forget
    getattr(mixer, how).add(victim)
    with pytest.raises(ModeChangeFailed, match="stand where they stood before"):
        kernel.apply(kernel.plan(asked(codec, Mode.DEFAULT, **then, headphone_gain_db=-20.0, dac_gain_db=-6.0)))
    assert mixer.levels == stood
    away = mixer._forget if any(stood[codec.kernel.guard]) else set()  # under the guard they go where they like
    assert {n: levels for n, levels in mixer.taken.items() if levels != stood[n] and n not in away} == {}


def test_a_way_back_under_a_guard_that_does_not_yield_is_told():
    codec = load_codec("wm8960")
    mixer = GuardedMixer(codec)
    kernel = behind(codec, mixer)
    kernel.apply(kernel.plan(asked(codec, Mode.DEFAULT)))
    mixer.ignores.add("Playback Volume")
    write = mixer.write

    def once(name: str, levels: tuple[int, ...]) -> None:
        """The ALC goes off and on again; after that it stays."""
        write(name, levels)
        if name == "ALC Function" and any(levels):
            mixer.refuses.add("ALC Function")

    mixer.write = once
    with pytest.raises(ModeChangeFailed, match=r"'Playback Volume'.*the way back failed too, for 'ALC Function'$"):
        kernel.apply(kernel.plan(asked(codec, Mode.DEFAULT, alc_decay_ms=3072.0, dac_gain_db=-6.0)))
    assert kernel.applied is None


def test_a_way_back_that_is_barred_too_is_told(wm8960):
    kernel, mixer = wm8960
    planned = kernel.plan(asked(kernel.description, Mode.DEFAULT))
    write = mixer.write

    def once(name: str, levels: tuple[int, ...]) -> None:
        """The ALC does not go on, and on the way back the capture switch does not either."""
        write(name, levels)
        if name == "Capture Switch":
            mixer.refuses |= {"ALC Function", "Capture Switch"}

    mixer.write = once
    with pytest.raises(ModeChangeFailed, match=r"'ALC Function'.*the way back failed too, for 'Capture Switch'"):
        kernel.apply(planned)
    assert kernel.applied is None


@pytest.mark.parametrize(("now", "says"), [(None, "and nobody has it"), ("spy", "and 'spy' has it")])
def test_a_driver_that_has_gone_is_noticed_before_each_plan_and_before_it_is_done(now, says):
    codec, mixer, bound = load_codec("wm8960"), RecordedMixer(load("wm8960")), ["wm8960"]
    kernel = KernelCodec(codec, mixer, 24_000_000, lambda: bound[0])
    planned = kernel.plan(asked(codec, Mode.DEFAULT))
    bound[0] = now
    with pytest.raises(BusError, match=says):
        kernel.plan(asked(codec, Mode.DEFAULT))
    with pytest.raises(BusError, match="start audiohat again"):
        kernel.apply(planned)
    assert mixer.asked == []
    kernel.apply(kernel.plan({}, "standby"))  # nothing to ask for, so nobody is needed


def test_a_plan_of_registers_is_refused(wm8960):
    kernel, mixer = wm8960
    codec = kernel.description
    with pytest.raises(FirmwareError, match="a kernel driver has them"):
        kernel.apply(plan(codec, None, asked(codec, Mode.DEFAULT), "active", 24_000_000))
    assert mixer.asked == []


# Cards.

PCMS = """\
00-00: bcm2835-i2s-wm8960-hifi wm8960-hifi-0 : bcm2835-i2s-wm8960-hifi wm8960-hifi-0 : playback 1 : capture 1
01-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1
02-00: HiFi wm8731-hifi-0 : HiFi wm8731-hifi-0 : playback 1 : capture 1
03-00: HiFi wm8731-hifi-0 : HiFi wm8731-hifi-0 : playback 1 : capture 1
"""
CARDS = """\
 0 [wm8960soundcard]: simple-card - wm8960-soundcard
                      wm8960-soundcard
 1 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 2 [audioinjectorpi]: audioinjector-pi - audioinjector-pi
                      audioinjector-pi
 3 [audioinjectorp1]: audioinjector-pi - audioinjector-pi
                      audioinjector-pi
"""


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "pcm").write_text(PCMS)
    (tmp_path / "cards").write_text(CARDS)
    return tmp_path


def test_the_drivers_card_is_found_by_its_stream_and_named_by_id(proc):
    assert driver_card("wm8960-hifi", proc).id == "wm8960soundcard"


def test_no_card_yet_and_too_many_are_two_errors(proc):
    with pytest.raises(PcmError, match="no sound card has a stream 'hifi' yet; `dmesg`"):  # no part of a name
        driver_card("hifi", proc)
    with pytest.raises(PcmError, match="audioinjectorpi, audioinjectorp1 all have a stream"):
        driver_card("wm8731-hifi", proc)
    with pytest.raises(PcmError, match="no sound card"):
        driver_card("wm8960-hifi", proc / "nowhere")


@pytest.mark.parametrize(
    ("control",                         "element"),
    [
        ("Capture Volume",              "Capture"),
        ("Playback Volume",             "Playback"),
        ("ADC PCM Capture Volume",      "ADC PCM"),
        ("PCM Playback -6dB Switch",    "PCM Playback -6dB"),
        ("Left Output Mixer PCM Playback Switch", "Left Output Mixer PCM"),
        ("Capture Attenuate Switch (-6dB)", "Capture Attenuate Switch (-6dB)"),
        ("ALC Function",                "ALC Function"),
    ],
)  # fmt: skip
def test_a_control_is_a_part_of_an_element(control, element):
    assert element_of(control) == element
