"""Which rows of a certificate a board cannot have, and that nothing else is left out with them."""

import pytest

from hil import certify as rig
from hil.bench import VirtualBench
from hil.procedures.findings import Findings
from hil.voices import Voices


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Procedures that take no time: one that could not be tried, then one that was."""
    tried = {
        "mic bias": lambda bench: Findings(untested={"mic_bias_effect_db": "no switch for it"}),
        "automatic gain": lambda bench: Findings({"soft_gain_db": 9.0, "agc_gain_change_db": 9.0}),
    }
    monkeypatch.setattr(rig, "procedures_of", lambda mode, voices: dict(tried))


def row(certificate, mode: str, name: str):
    return next(row for row in certificate.modes[mode].measurements if row.name == name)


@pytest.mark.usefixtures("quick")
def test_a_codec_without_automatic_gain_is_asked_for_it_only_where_the_mode_levels_by_itself() -> None:
    bench = VirtualBench.of("audio-injector-stereo")
    certificate, _ = rig.certify(bench, Voices())
    bench.close()
    for mode in ("default", "videoRecording"):
        lacking = row(certificate, mode, "soft_gain_db")
        assert (lacking.verdict, lacking.note) == ("not tested", bench.board.codec.absent["alc"])
    for mode in ("voiceChat", "gameChat", "measurement"):
        assert row(certificate, mode, "soft_gain_db").value == 9.0
        assert row(certificate, mode, "mic_bias_effect_db").note == "no switch for it"
