"""A page that stands alone, says what failed first, and is written whole or not at all."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from hil.limits import PROMISES, limit, limits_of
from hil.measurement import Certificate, Measurement, ModeResult, RegisterDifference, Trace
from hil.report import bounds_text, margin_text, render, value_text, write_report

FREQUENCY_HZ = np.geomspace(20, 20_000, 50)


def _mode(mode: str, rows: tuple[Measurement, ...] = (), corner_hz: float = 4.0) -> ModeResult:
    met = [Measurement.of(a, (a.lower or 0.0) if a.upper is None else a.upper) for a in limits_of(mode)]
    gain_db = -10 * np.log10(1 + (corner_hz / FREQUENCY_HZ) ** 4)
    trace = Trace.of(
        "response", f"Response of {mode}", x_label="Frequency in Hz", y_label="Gain in dB",
        x=FREQUENCY_HZ, series={"response": gain_db}, x_log=True,
    )  # fmt: skip
    return ModeResult(
        mode=mode, title=PROMISES[mode].title, promise=PROMISES[mode].sentence, traces=(trace,),
        measurements=rows or tuple(met),
        writes=("R25 = 0x0C0",),
        differs_from_default=(RegisterDifference("R17 ALC1", "0x1FB", "0x07B", "ALC off"),),
    )  # fmt: skip


def _certificate(*modes: ModeResult, board: str = "ReSpeaker 2-Mics") -> Certificate:
    return Certificate(
        board=board, bench="virtual", started="2026-03-14T09:26:53+00:00", modes={m.mode: m for m in modes}
    )


class _Page(HTMLParser):
    """Tags opened and not closed, ids, and whatever would be fetched from elsewhere."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href") and not value.startswith("#"):
                self.fetched.append(value)
        if tag in ("script", "link", "iframe"):
            self.fetched.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return render(_certificate(_mode("default"), _mode("voiceChat", corner_hz=120.0)))


def test_the_page_is_well_formed_and_fetches_nothing(page):
    parsed = _Page()
    parsed.feed(page)
    assert parsed.open == []
    assert parsed.fetched == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "url(http" not in page
    assert "@import" not in page


def test_every_measurement_and_figure_of_every_mode_is_on_the_page(page):
    for mode in ("default", "voiceChat"):
        assert PROMISES[mode].sentence in page
        for asked in limits_of(mode):
            assert asked.title in page
    assert page.count("<svg") == 3  # one for each mode, and both on one axis
    assert "Frequency response of every mode" in page


def test_figures_take_their_colours_from_the_page(page):
    figures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--series-0)" in figures
    assert not re.findall(r"#0000[01]\d\b", figures)


def test_the_same_certificate_gives_the_same_page(page):
    assert render(_certificate(_mode("default"), _mode("voiceChat", corner_hz=120.0))) == page


def test_a_failure_is_named_before_anything_else_with_its_value_and_limit():
    rows = (
        Measurement.of(limit("echo_loss_db", "voiceChat"), 45.96),
        Measurement.of(limit("erle_db", "voiceChat"), 38),
    )
    text = render(_certificate(_mode("default"), _mode("voiceChat", rows)))
    head = re.sub(r"<[^>]+>", "", text[text.index("<header") : text.index("</header")])
    assert "fail" in head
    assert "Echo loss is 45.96 dB, asked ≥ 46 dB" in " ".join(head.split())


def test_what_was_not_tested_is_said_with_its_reason_in_the_head():
    rows = (Measurement.not_tested(limit("latency_ms", "voiceChat"), "no loop-back cable"),)
    head = render(_certificate(_mode("voiceChat", rows))).split("</header")[0]
    assert "no loop-back cable" in head
    assert "not tested" in head


def test_text_from_outside_is_text_and_not_markup():
    rows = (Measurement.of(limit("erle_db", "default"), None, "<script>alert(1)</script>"),)
    text = render(_certificate(_mode("default", rows), board="<b>HAT & co</b>"))
    assert "<script" not in text
    assert "<b>HAT" not in text
    assert "&lt;b&gt;HAT &amp; co" in text


def test_a_report_is_replaced_whole_or_left_as_it_was(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("the old one")
    with pytest.raises(AttributeError):
        write_report(path, None)  # type: ignore[arg-type]
    assert path.read_text() == "the old one"
    write_report(path, _certificate(_mode("default")))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_nothing_is_left_behind_when_the_target_cannot_be_replaced(tmp_path):
    folder = tmp_path / "report.html"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_report(folder, _certificate(_mode("default")))
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name",               "mode",         "value",   "shown",   "asked",      "margin"),
    [
        ("echo_loss_db",        "voiceChat",      55.23,  "55.2",   "≥ 46",       "9.23"),
        ("echo_loss_db",        "voiceChat",      45.96,  "45.96",  "≥ 46",       "−0.04"),   # 46.0 would lie
        ("convergence_s",       "voiceChat",      1.2001, "1.2001", "≤ 1.2",      "0"),       # so would 1.20
        ("agc_gain_change_db",  "measurement",    0.0041, "0.004",  "± 0.1",      "0.096"),
        ("high_pass_corner_hz", "voiceChat",      120.4,  "120",    "102 to 138", "17.6"),
        ("register_mismatches", "default",        0,      "0",      "= 0",        ""),
        ("high_pass_50hz_db",   "gameChat",       -12.31, "−12.3",  "≤ −12",      "0.31"),
        ("sample_rate_ppm",     "default",        -1e-9,  "0",      "± 100",      "100.0"),
    ],
)  # fmt: skip
def test_numbers_are_short_but_never_look_better_than_they_are(name, mode, value, shown, asked, margin):
    row = Measurement.of(limit(name, mode), value)
    assert (value_text(row), bounds_text(row), margin_text(row)) == (shown, asked, margin)
