"""One jury for every sound card: libasound's and pyalsaaudio's, the virtual one, the scripted one.

Without a card the first two run on libasound's own PCMs: `null` for calls, `file` for what goes in and out. Devices that are
looped back are tested as well where they are named (in a kernel with snd-aloop: hw:Loopback,0,0 and hw:Loopback,1,0):

    AUDIOHAT_TEST_PLAYBACK, AUDIOHAT_TEST_CAPTURE
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fakes import WireChip
from scripted import Echo, Event, ScriptedPcm

from firmware_py.errors import PcmError
from firmware_py.pcm import CAPTURED, CAPTURED_NS, OFFSET, PLAYED, PLAYED_NS, Frames, Pcm
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pcm.portable import PyAlsaPcm
from hil.sim.hats import HATS
from hil.sim.pcm import VirtualPcm
from hil.sim.world import World

RATE_HZ, PERIOD, PREROLL = 16_000, 128, 176
SCRIPTED_LOST = 500
XRUNS = (-errno.EPIPE, -errno.ENODATA)  # the other is playback's, which has stopped a capture that was linked to it

CONFIGURATION = """
</usr/share/alsa/alsa.conf>
pcm.audiohat_files {{
    type asym
    playback.pcm {{ type file slave.pcm null file "{folder}/out.raw" format raw }}
    capture.pcm {{ type file slave.pcm null file "/dev/null" infile "{folder}/in.raw" format raw }}
}}
pcm.audiohat_resampler {{ type rate slave {{ pcm null rate 48000 }} }}
pcm.audiohat_stereo {{
    type multi
    slaves.a {{ pcm null channels 2 }}
    bindings.0 {{ slave a channel 0 }}
    bindings.1 {{ slave a channel 1 }}
}}
pcm.audiohat_mulaw {{ type mulaw slave {{ pcm null format S16_LE }} }}
"""


@dataclass(frozen=True)
class Bench:
    """A back end on something that answers some of the questions.

    make            a card that works, closed
    cannot          question -> why it cannot be asked here
    filed           the same on files
    refusing        a card and the rate that it does not have
    lose            let time be lost on an open card, so that a read answers -EPIPE; returns the frames lost, 0 if unknown
    is_exact        whether what is written comes back on the frame
    """

    name: str
    make: Callable[[], Pcm]
    cannot: Mapping[str, str] = field(default_factory=dict)
    filed: Callable[[], Pcm] | None = None
    refusing: Callable[[], tuple[Pcm, int]] | None = None
    lose: Callable[[Pcm], int] | None = None
    is_exact: bool = True


def on_own_pcms(kind: type[AlsaPcm] | type[PyAlsaPcm]) -> Bench:
    return Bench(
        f"{kind.__name__} on libasound's own",
        lambda: kind("null"),
        {
            "loop": "its PCMs are not connected",
            "lose": "its PCMs have no time in which to lose frames",
            "busy": "its PCMs are anybody's",
        },
        filed=lambda: kind("audiohat_files"),
        refusing=lambda: (kind("audiohat_resampler"), 1_000_000),
    )


def on_devices(kind: type[AlsaPcm] | type[PyAlsaPcm]) -> Bench:
    """Their start is told from their time stamps, no better than the tick at which a looped-back card moves."""
    playback, capture = (os.environ.get(f"AUDIOHAT_TEST_{way}") for way in ("PLAYBACK", "CAPTURE"))
    name = f"{kind.__name__} looped back"
    if not (playback and capture):
        missing = "AUDIOHAT_TEST_PLAYBACK and AUDIOHAT_TEST_CAPTURE name no devices"
        return Bench(name, lambda: kind("null"), dict.fromkeys(QUESTIONS, missing))
    return Bench(
        name,
        lambda: kind(playback, capture),
        {"files": "devices keep nothing"},
        refusing=lambda: (kind(playback, capture), 1_000_000),
        lose=oversleep,
        is_exact=False,
    )


@cache
def wired_world() -> World:
    return World(WireChip(), HATS["respeaker-2mic-v1"], cable_gain_db=0.0)


def lose_a_period(pcm: Pcm) -> int:
    assert isinstance(pcm, VirtualPcm)
    pcm.overrun()
    return PERIOD


def lose_by_script(pcm: Pcm) -> int:
    assert isinstance(pcm, ScriptedPcm)
    pcm.script(Event("read", pcm.calls["read"], (-errno.EPIPE,), SCRIPTED_LOST))
    return SCRIPTED_LOST


def oversleep(pcm: Pcm) -> int:
    time.sleep(1.0)  # longer than any buffer
    return 0


QUESTIONS = ("open", "mono", "loop", "files", "lose", "name", "rate", "busy")
NO_DEVICE = {"files": "it keeps nothing", "name": "it has no device's name", "busy": "nobody else can open it"}
BENCHES = [
    *(on(kind) for kind in (AlsaPcm, PyAlsaPcm) for on in (on_own_pcms, on_devices)),
    Bench(
        "VirtualPcm",
        lambda: VirtualPcm(wired_world()),
        NO_DEVICE | {"mono": "its codec has two channels"},
        refusing=lambda: (VirtualPcm(wired_world()), 0),
        lose=lose_a_period,
    ),
    Bench(
        "ScriptedPcm",
        lambda: ScriptedPcm(echo=Echo()),
        NO_DEVICE,
        refusing=lambda: (ScriptedPcm(), 12_345),
        lose=lose_by_script,
    ),
    Bench(
        "ScriptedPcm in pieces",
        lambda: ScriptedPcm(clumsy(), echo=Echo(), start_offset_frames=37, jitter_ns=100_000),
        NO_DEVICE,
        refusing=lambda: (ScriptedPcm(), 12_345),
        lose=lose_by_script,
    ),
]


def clumsy() -> Iterator[Event]:
    """A driver that never hands over all at once."""
    for at in range(1000):
        yield Event("read", at, (-errno.EINTR, 1 + at % 7, -errno.EAGAIN, 40))
        yield Event("write", at, (13, -errno.EINTR, -errno.EAGAIN, 1 + at % 50))


OPENED: list[Pcm] = []


def ask(*questions: str) -> pytest.MarkDecorator:
    """Every bench that can answer; the others are named, with the reason, and skipped."""
    cases = []
    for bench in BENCHES:
        why = next((bench.cannot[question] for question in questions if question in bench.cannot), None)
        reason = f"not tested: {bench.name}: {why}"
        cases.append(
            pytest.param(bench, id=f"{bench.name}: not tested, {why}", marks=pytest.mark.skip(reason=reason))
            if why
            else pytest.param(bench, id=bench.name)
        )
    return pytest.mark.parametrize("bench", cases)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where libasound's own PCMs are described, and where `file` reads and writes."""
    folder = tmp_path_factory.mktemp("alsa")
    (folder / "asound.conf").write_text(CONFIGURATION.format(folder=folder))
    signal(64 * PERIOD, 2, seed=1).tofile(folder / "in.raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALSA_CONFIG_PATH", str(folder / "asound.conf"))
        compile_all()
        yield folder


def compile_all() -> None:
    """Before a card runs that waits for nobody."""
    pcm, block = AlsaPcm("null"), np.zeros((PERIOD, 2), np.int32)
    pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
    pcm.read_into(block)
    pcm.write_from(block)
    pcm.recover(PREROLL)
    pcm.close()


def signal(frames: int, channels: int, seed: int = 0) -> Frames:
    """Noise of 16 significant bits, which every way can carry; no frame is silent."""
    noise = np.random.default_rng(seed).integers(1, 1 << 15, (frames, channels)) * 2**16
    return noise.astype(np.int32)


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """A test that fails does not keep the card from the next one."""
    yield
    while OPENED:
        OPENED.pop().close()


def opened(pcm: Pcm, channels: int = 2) -> Pcm:
    OPENED.append(pcm)
    pcm.open(RATE_HZ, PERIOD, channels, preroll_frames=PREROLL)
    return pcm


def converse(pcm: Pcm, down: Frames) -> Frames:
    """Read a period, write a period, for all of *down*; returns what was read."""
    up = np.zeros_like(down)
    for start in range(0, len(down), PERIOD):
        piece = slice(start, start + PERIOD)
        assert pcm.read_into(up[piece]) == PERIOD
        assert pcm.write_from(down[piece]) == PERIOD
    return up


def assert_comes_back(bench: Bench, pcm: Pcm, up: Frames, down: Frames, queued_frames: int) -> None:
    """*up* is silence for as long as was queued, then *down*, bit for bit; between unlinked devices, where it is found."""
    delay = queued_frames + int(pcm.timing[OFFSET])
    if not bench.is_exact:
        begins = np.flatnonzero((up == down[0]).all(axis=1))
        assert len(begins) > 0, "nothing came back"
        assert abs(begins[0] - delay) <= 4 * PERIOD
        delay = begins[0]
    np.testing.assert_array_equal(up[:delay], 0)
    np.testing.assert_array_equal(up[delay:], down[: len(up) - delay])


def assert_closed(pcm: Pcm) -> None:
    buffer = np.zeros((PERIOD, 2), np.int32)
    assert [pcm.read_into(buffer), pcm.write_from(buffer), pcm.recover(PREROLL)] == [-errno.EBADFD] * 3


def assert_is_one_sentence(error: BaseException, *names: object) -> None:
    said = str(error.args[-1])
    assert all(str(name) in said for name in names), said
    assert "\n" not in said
    assert not said.endswith(".")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@ask("open")
def test_frames_come_and_go_in_whole_periods(bench):
    pcm = opened(bench.make())
    converse(pcm, signal(10 * PERIOD, 2))
    pcm.close()


@ask("open")
def test_a_card_opens_at_another_rate_and_period(bench):
    pcm = bench.make()
    pcm.open(48_000, 960, preroll_frames=1440)
    buffer = np.zeros((960, 2), np.int32)
    assert [pcm.read_into(buffer), pcm.write_from(buffer), pcm.read_into(buffer)] == [960] * 3
    pcm.close()


@ask("mono")
def test_a_card_opens_with_one_channel(bench):
    pcm = opened(bench.make(), channels=1)
    converse(pcm, signal(10 * PERIOD, 1))
    pcm.close()


@ask("loop")
def test_what_is_written_comes_back_after_the_preroll(bench):
    pcm, down = opened(bench.make()), signal(50 * PERIOD, 2)
    assert_comes_back(bench, pcm, converse(pcm, down), down, PREROLL)
    pcm.close()


@ask("loop", "mono")
def test_one_channel_comes_back_after_the_preroll(bench):
    pcm, down = opened(bench.make(), channels=1), signal(20 * PERIOD, 1)
    assert_comes_back(bench, pcm, converse(pcm, down), down, PREROLL)
    pcm.close()


@ask("files")
def test_what_was_captured_arrives_in_order_and_what_is_written_follows_the_preroll(bench, folder):
    pcm, down = opened(bench.filed()), signal(20 * PERIOD, 2)
    np.testing.assert_array_equal(converse(pcm, down), signal(64 * PERIOD, 2, seed=1)[: 20 * PERIOD])
    pcm.close()
    played = np.fromfile(folder / "out.raw", np.int32).reshape(-1, 2)
    np.testing.assert_array_equal(played[:PREROLL], 0)
    assert len(played) > PREROLL  # the plug-in keeps its last pieces for itself
    np.testing.assert_array_equal(played[PREROLL:], down[: len(played) - PREROLL])


@ask("open")
def test_a_card_can_be_opened_fifty_times_and_leaves_nothing_open(bench):
    opened(bench.make()).close()
    pcm, before = bench.make(), descriptors()
    for _ in range(50):
        pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
        converse(pcm, signal(PERIOD, 2))
        pcm.close()
    assert descriptors() == before


@ask("open")
def test_an_open_card_that_is_opened_is_opened_anew(bench):
    pcm = opened(bench.make())
    before = descriptors()
    pcm.open(48_000, 960, preroll_frames=1440)
    assert descriptors() == before
    assert pcm.read_into(np.zeros((960, 2), np.int32)) == 960
    pcm.close()


@ask("open")
def test_closing_twice_is_closing_once(bench):
    pcm = opened(bench.make())
    pcm.close()
    pcm.close()
    assert_closed(pcm)


@ask("open")
def test_a_card_that_was_never_opened_is_closed(bench):
    pcm = bench.make()
    assert_closed(pcm)
    pcm.close()


@ask("name")
@pytest.mark.parametrize("device", ["hw:CARD=NoSuchHat,DEV=0", "no_such_pcm"])
def test_an_unknown_device_is_named_in_one_sentence(bench, device):
    kind, before = type(bench.make()), descriptors()
    for playback, capture in ((device, None), (device, "null"), ("null", device)):
        pcm = kind(playback, capture)
        with pytest.raises(PcmError) as refused:
            pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
        assert_is_one_sentence(refused.value, device)
        assert_closed(pcm)
    assert descriptors() == before


@ask("busy")
def test_a_card_that_somebody_has_is_refused_to_everybody_else_and_goes_on(bench):
    pcm = opened(bench.make())
    with pytest.raises(PcmError, match="another program holds it") as refused:
        bench.make().open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
    assert_is_one_sentence(refused.value, "fuser -v /dev/snd/*")
    converse(pcm, signal(3 * PERIOD, 2))
    pcm.close()


@ask("rate")
def test_a_rate_that_the_card_has_not_is_refused_in_one_sentence_and_nothing_stays_open(bench):
    pcm, rate_hz = bench.refusing()
    before = descriptors()
    with pytest.raises(OSError, match=str(rate_hz)) as refused:
        pcm.open(rate_hz, PERIOD, preroll_frames=PREROLL)
    assert_is_one_sentence(refused.value, rate_hz)
    assert descriptors() == before
    assert_closed(pcm)
    pcm.open(RATE_HZ, PERIOD, preroll_frames=PREROLL)
    pcm.close()


@ask("name")
@pytest.mark.parametrize(
    ("device", "channels", "reason"),
    [
        ("audiohat_stereo", 1, "1 channel"),
        ("audiohat_mulaw",  2, "samples"),
    ],
)  # fmt: skip
def test_channels_and_samples_that_the_card_has_not_are_refused_and_nothing_stays_open(bench, device, channels, reason):
    pcm, before = type(bench.make())(device), descriptors()
    with pytest.raises(PcmError) as refused:
        pcm.open(RATE_HZ, PERIOD, channels, preroll_frames=PREROLL)
    assert_is_one_sentence(refused.value, device, reason)
    assert descriptors() == before


@ask("open")
@pytest.mark.parametrize(
    "buffer",
    [
        np.zeros((PERIOD, 2), np.int16),
        np.zeros((PERIOD, 2), np.float32),
        np.zeros(2 * PERIOD, np.int32),
        np.zeros((PERIOD, 3), np.int32),
        np.zeros((2, PERIOD), np.int32),
    ],
    ids=lambda buffer: f"{buffer.dtype}{list(buffer.shape)}",
)
def test_a_buffer_of_another_type_or_shape_is_a_mistake_and_moves_nothing(bench, buffer):
    pcm = opened(bench.make())
    converse(pcm, signal(PERIOD, 2))
    before = pcm.timing.copy()
    for transfer in (pcm.read_into, pcm.write_from):
        with pytest.raises(ValueError, match="int32"):
            transfer(buffer)
    assert not buffer.any()
    np.testing.assert_array_equal(pcm.timing, before)
    pcm.close()


@ask("open")
def test_a_card_goes_on_after_recovery(bench):
    pcm = opened(bench.make())
    converse(pcm, signal(3 * PERIOD, 2))
    for queued_frames in (PREROLL, 2 * PERIOD):
        assert pcm.recover(queued_frames) >= 0
        converse(pcm, signal(PERIOD, 2))
    pcm.close()


@ask("open")
def test_a_period_in_hand_can_be_written_first_after_recovery(bench):
    pcm, down = opened(bench.make()), signal(3 * PERIOD, 2)
    assert pcm.recover(PREROLL - PERIOD) >= 0
    assert pcm.write_from(down[:PERIOD]) == PERIOD
    converse(pcm, down)
    pcm.close()


@ask("loop")
@pytest.mark.parametrize("queued_frames", [PREROLL, 2 * PERIOD])
def test_after_recovery_as_much_silence_is_queued_as_was_asked(bench, queued_frames):
    pcm, down = opened(bench.make()), signal(20 * PERIOD, 2)
    converse(pcm, down[: 3 * PERIOD])
    assert pcm.recover(queued_frames) >= 0
    assert_comes_back(bench, pcm, converse(pcm, down), down, queued_frames)
    pcm.close()


@ask("files")
def test_a_recovery_queues_silence_and_nothing_else(bench, folder):
    pcm, down = opened(bench.filed()), signal(20 * PERIOD, 2)
    assert pcm.recover(2 * PERIOD) >= 0
    converse(pcm, down)
    pcm.close()
    played = np.fromfile(folder / "out.raw", np.int32).reshape(-1, 2)
    first = np.flatnonzero(played.any(axis=1))[0]
    assert 2 * PERIOD <= first <= PREROLL + 2 * PERIOD
    np.testing.assert_array_equal(played[first:], down[: len(played) - first])


@ask("lose")
def test_an_overrun_is_told_and_recovery_says_how_much_time_was_lost(bench):
    pcm = opened(bench.make())
    converse(pcm, signal(3 * PERIOD, 2))
    lost = bench.lose(pcm)
    assert pcm.read_into(np.zeros((PERIOD, 2), np.int32)) in XRUNS
    told = pcm.recover(PREROLL)
    assert told == lost if lost else told > 0
    converse(pcm, signal(3 * PERIOD, 2))
    pcm.close()


@ask("open")
def test_timing_never_runs_back_between_two_starts(bench):
    pcm, buffer = opened(bench.make()), np.zeros((PERIOD, 2), np.int32)
    for queued_frames in (PREROLL, 2 * PERIOD):
        before = np.zeros(4, np.int64)
        for period in range(1, 8):
            assert pcm.read_into(buffer) == PERIOD
            now = pcm.timing[[CAPTURED, CAPTURED_NS, PLAYED, PLAYED_NS]].copy()
            assert (now[[1, 3]] >= 0).all()
            told = now[[1, 3]] > 0
            assert (now >= before)[np.repeat(told, 2)].all(), f"{before} {now}"
            assert not told[0] or now[0] >= period * PERIOD
            assert not told[1] or now[2] <= queued_frames + period * PERIOD
            before = now
            assert pcm.write_from(buffer) == PERIOD
        assert pcm.recover(2 * PERIOD) >= 0
    pcm.close()
