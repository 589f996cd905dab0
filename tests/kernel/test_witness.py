"""The recordings are what the drivers still do: the smallest of them, made again."""

from __future__ import annotations

from hil.witness.document import document, text
from hil.witness.recorder import record
from hil.witness.recording import FOLDER


def test_a_codec_recorded_again_gives_the_same_bytes():
    kept = (FOLDER / "wm8731.json").read_text()
    told = record("wm8731")
    told["kernel"] = kept.partition('"kernel": "')[2].partition('"')[0]  # what a newer kernel does is what counts
    assert text(document(told)).splitlines() == kept.splitlines()
