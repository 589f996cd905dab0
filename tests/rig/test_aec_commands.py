"""`audiohat bench aec` and `audiohat aec score`, from the command line to the exit code."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from firmware_py.cli import main
from firmware_py.dsp.echo import TAIL_S
from hil.bench.aec import cancellers, costs, recordings, session
from hil.bench.aec.cancellers import ours
from hil.bench.aec.scenes import Scene, clip
from hil.stimulus import speech_like

RATE = 16_000


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Costs are for whoever reads them; one round shows that they are there."""
    monkeypatch.setattr(session, "COST_ROUNDS", 1)
    monkeypatch.setattr(session, "COST_S", 1.0)


@pytest.fixture(autouse=True)
def _signals():
    """main() ends with SIGTERM ignored."""
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture(scope="module")
def talk():
    scene = Scene(name="x", title="", seconds=14.0, near_s=(7.0, 10.0), delay_s=0.030, skew_ppm=60.0, room="booth")
    return clip(scene, RATE, seed=5, synthetic=True)


@pytest.fixture
def files(talk, tmp_path):
    paths = {}
    for role, x in (("mic", talk.mic), ("ref", talk.far), ("near", talk.near)):
        paths[role] = str(tmp_path / f"{role}.wav")
        soundfile.write(paths[role], x, RATE, subtype="PCM_16")
    return paths


@pytest.fixture
def nothing_here(monkeypatch):
    """A machine without any peer, and without pesq and pystoi."""

    def no_library(name):
        raise OSError(name)

    def no_module(name):
        raise ImportError(name)

    cancellers._speexdsp.cache_clear()
    monkeypatch.setattr(cancellers.ctypes, "CDLL", no_library)
    monkeypatch.setattr(cancellers, "import_module", no_module)
    monkeypatch.setattr("hil.bench.aec.measures.import_module", no_module)
    yield
    cancellers._speexdsp.cache_clear()


def test_a_recording_is_scored(files, tmp_path, capsys):
    out, plot = tmp_path / "clean.wav", tmp_path / "echo.png"
    score = [
        "aec",
        "score",
        files["mic"],
        files["ref"],
        files["near"],
        "--out",
        str(out),
        "--plot",
        str(plot),
        "--json",
    ]
    assert main(score) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["delay_ms"] == pytest.approx(30.7, abs=1.0)  # and the drift moves it by 0.4
    assert said["drift_ppm"] == pytest.approx(60.0, abs=15.0)
    whole = said["scores"]["audiohat"]
    assert whole["late_erle_db"] > 15.0
    assert whole["sdr_db"] > whole["mic_sdr_db"]
    assert soundfile.info(str(out)).frames == 14 * RATE
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clean.wav",
        "echo.png",
        "mic.wav",
        "near.wav",
        "ref.wav",
    ]


def test_people_are_told_what_each_figure_means(files, capsys):
    assert main(["aec", "score", files["mic"], files["ref"], "--tail", "30"]) == 0
    said = capsys.readouterr().out
    assert "delay: MIC hears REF 3" in said
    assert "ERLE: dB by which" in said
    assert "what it says counts as echo" in said
    assert "tail 32 ms" in said  # 30, in whole blocks; the delay does not count


def test_unless_told_the_canceller_has_its_own_tail(files, capsys):
    assert main(["aec", "score", files["mic"], files["ref"]]) == 0
    assert f"tail {1e3 * TAIL_S:g} ms" in capsys.readouterr().out


def test_rates_channels_and_ends_are_made_to_fit_with_a_word(talk, tmp_path):
    mic, far = tmp_path / "mic.flac", tmp_path / "ref.wav"
    soundfile.write(mic, np.stack([talk.mic, 0.5 * talk.mic], axis=1), 11_025)
    soundfile.write(far, talk.far[: -RATE // 4], 11_025)
    found = recordings.load(mic, far)
    assert found.rate_hz == RATE
    assert found.mic.size == found.far.size
    assert found.mic.dtype == np.float32
    assert found.remarks[0] == "MIC has 2 channels; the first is taken"
    assert "MIC is resampled from 11025 to 16000 Hz" in found.remarks
    assert any("the ends are cut to" in remark for remark in found.remarks)
    soundfile.write(mic, talk.mic, 44_100)
    soundfile.write(far, talk.far, 44_100)
    assert recordings.load(mic, far).rate_hz == 48_000


def test_a_reference_that_comes_too_late_is_told_apart_from_none(talk):
    early = recordings.Recording("x", RATE, np.roll(talk.mic, -1600), talk.far, None, [])
    assert recordings.delay_of(early).delay_ms == pytest.approx(30.7 - 100.0, abs=1.0)
    noise = np.random.default_rng(1).standard_normal(talk.mic.size).astype(np.float32)
    found = recordings.delay_of(recordings.Recording("x", RATE, noise, talk.far, None, []))
    assert np.isnan(found.delay_ms)
    assert found.confidence < recordings.SURE


def test_two_narrow_bands_are_no_echo_of_each_other():
    one, other = (resample_poly(speech_like(6.0, 8000, seed, pitch), 2, 1) for seed, pitch in ((1, 120.0), (2, 205.0)))
    found = recordings.delay_of(
        recordings.Recording("x", RATE, one.astype(np.float32), other.astype(np.float32), None, [])
    )
    assert np.isnan(found.delay_ms)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["{tmp}/none.wav", "{ref}"],               3, "none.wav: there is no such file"),
        (["{mic}", "{tmp}"],                        3, "is a folder; name a file"),
        (["{mic}", "{text}"],                       2, "cannot be read as sound"),
        (["{mic}", "{short}"],                      2, "they must be one recording, equally long"),
        (["{mic}", "{silent}"],                     2, "is silent (peak below -80 dBFS)"),
        (["{mic}", "{blip}"],                       2, "lasts 0.50 s; 2 s is the least"),
        (["{mic}", "{nan}"],                        2, "holds samples that are not numbers"),
        (["{mic}", "{ref}", "--block", "7"],        2, "--block 7: echo canceller: blocks of 112 frames at 16000 Hz; they must"),
        (["{mic}", "{ref}", "--tail", "4"],         2, "--tail 4: shorter than a block of 8 ms"),
        (["{mic}", "{ref}", "--peers", "spex"],     2, "no peer is named 'spex'; did you mean 'speex'?"),
        (["{mic}", "{ref}", "--out", "{mic}"],      2, "is one of the recordings; name another file"),
        (["{mic}", "{ref}", "--out", "{tmp}/a/b"],  3, "a/b: there is no such folder to write to"),
        (["{mic}", "{ref}", "--plot", "{tmp}"],     2, "is a folder; name a file in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_a_sentence(files, talk, tmp_path, capsys, arguments, code, sentence):
    made = {name: tmp_path / f"{name}.wav" for name in ("text", "short", "silent", "blip", "nan")}
    made["text"].write_text("not a sound")
    soundfile.write(made["short"], talk.far[: 5 * RATE], RATE)
    soundfile.write(made["silent"], 0.0 * talk.far, RATE)
    soundfile.write(made["blip"], talk.far[: RATE // 2], RATE)
    soundfile.write(made["nan"], np.where(np.arange(talk.far.size) == 9, np.nan, talk.far), RATE, subtype="FLOAT")
    words = [word.format(tmp=tmp_path, **files, **made) for word in arguments]
    assert main(["aec", "score", *words]) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_the_benchmark_answers_in_json(capsys, tmp_path, files):
    words = [
        "bench",
        "aec",
        "--scene",
        "double-talk0",
        "near-only",
        "--room",
        "booth",
        "--plots",
        str(tmp_path / "p"),
        "--json",
    ]
    assert main([*words, "--recording", files["mic"], files["ref"]]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(row["canceller"], row["scene"]) for row in said["scenes"]] == [
        (who, scene) for scene in ("double-talk0", "near-only") for who in ("audiohat", "audiohat linear")
    ]
    assert "echo_reduction_db" in said["scenes"][1]["values"]
    assert said["latency_ms"]["audiohat"] == {"16000": pytest.approx(8.0, abs=0.1)}
    assert [cost["canceller"] for cost in said["costs"]] == ["audiohat", "audiohat linear", "audiohat linear 130 ms"]
    assert said["recordings"][0]["recording"] == "mic.wav"
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["double-talk0.png", "near-only.png"]


@pytest.mark.usefixtures("nothing_here")
def test_who_is_not_here_is_not_run_and_the_reason_says_what_to_install(capsys):
    assert main(["bench", "aec", "--scene", "near-only", "--room", "booth", "--peers", "speex,webrtc"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "speex: not run: libspeexdsp.so.1 is not here; install Debian's libspeexdsp1" in said
    assert "webrtc: not run: no wheel with it is here; pip install aec-audio-processing, or livekit" in said
    assert "PESQ: not tested: package pesq is not installed: pip install pesq" in said
    assert "STOI: not tested: package pystoi is not installed: pip install pystoi" in said
    assert "times SpeexDSP" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scene", "singel"],          "no scene is named 'singel'; did you mean 'single'?"),
        (["--room", "offce"],            "no room is named 'offce'; did you mean 'office'?"),
        (["--recording", "mic.wav"],     "--recording mic.wav: it takes two files or three, MIC REF [NEAR]"),
        (["--plots", "{file}"],          "is a file; name a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_benched_is_a_sentence(capsys, files, arguments, sentence):
    assert main(["bench", "aec", *(word.format(file=files["mic"]) for word in arguments)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seed", "-1"],      "-1: a whole number from 0 to 4294967295"),
        (["--block", "0.1"],    "0.1: a number of ms from 1 to 32"),
        (["--skew", "x"],       "x: a number of ppm from -2000 to 2000"),
        (["--rate", "44100"],   "invalid choice: 44100"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "aec", *arguments])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("command", [["bench", "aec", "--scene", "single"], ["aec", "score", "{mic}", "{ref}"]])
def test_ctrl_c_ends_with_a_word(monkeypatch, capsys, files, command):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "run", interrupted)
    monkeypatch.setattr(recordings, "run", interrupted)
    assert main([word.format(**files) for word in command]) == 5
    assert capsys.readouterr().err.endswith("audiohat: interrupted\n")


def test_a_cost_is_beside_that_of_speexdsp(talk):
    pytest.importorskip("ctypes")
    try:
        cancellers._speexdsp()
    except OSError as error:
        pytest.skip(str(error))
    basis = cancellers.speex(0.010, 0.128)
    twice = replace(ours(0.008, 0.256), name="it")
    same, own = costs.measure([basis, twice], RATE, talk.mic[: 2 * RATE], talk.far[: 2 * RATE], 3)
    assert 0.5 < same.ratio < 2.0  # by itself
    assert same.ratio_quartiles[0] <= same.ratio <= same.ratio_quartiles[1]
    assert own.frame_ms == 8.0
    assert 0.0 < own.ms_per_s < 500.0
    assert own.worst_share > 0.0
