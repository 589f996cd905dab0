"""Codecs with pages, with a reset of several writes, with polls: what a refused or lost write leaves behind."""

import pytest
from asking import asked
from fakes import LossyBus

from firmware_py.codec import Codec
from firmware_py.codec.plan import Poll
from firmware_py.descriptions import load_board, load_codec
from firmware_py.errors import ModeChangeFailed
from firmware_py.modes import Mode
from hil.bench.virtual import CHIPS, model_of


class Desk:
    """A board's codec on its simulated chip, behind a bus that can lose things."""

    def __init__(self, name: str) -> None:
        self.board = load_board(name)
        self.chip, _ = model_of(self.board)
        self.bus = LossyBus(self.chip)
        board = self.board
        self.codec = Codec(board.codec, self.bus, board.i2c_address, board.mclk_hz, sleep=self.chip.wait)

    def enter(self, mode: Mode) -> None:
        self.codec.apply(self.codec.plan(asked(self.board, mode)))
        self.chip.wait(0.1)


def page_selections(plan) -> list[int]:
    return [index for index, step in enumerate(plan.writes) if step.register.name == "PAGE_SELECT"]


def test_the_coefficients_of_the_high_pass_are_written_on_their_own_page() -> None:
    desk, page, pages = Desk("respeaker-2mic-v2"), 0, set[int]()
    for write in desk.codec.plan(asked(desk.board, Mode.DEFAULT)).writes:
        if write.register.name == "PAGE_SELECT":
            page = write.after
        elif not write.resets:
            assert write.register.page == page, write
            pages.add(page)
    assert (pages, page) == ({0, 1}, 0)


@pytest.mark.parametrize("lost", ["refuse", "lose_acknowledge_of"])
def test_a_page_whose_selection_is_in_doubt_is_selected_again(lost: str) -> None:
    desk = Desk("respeaker-2mic-v2")
    plan = desk.codec.plan(asked(desk.board, Mode.DEFAULT))
    setattr(desk.bus, lost, page_selections(plan)[0])
    with pytest.raises(ModeChangeFailed):
        desk.codec.apply(plan)
    desk.enter(Mode.VOICE_CHAT)
    assert desk.chip.state()["capture_rate_hz"] == pytest.approx(16_000.0)
    assert desk.codec.differences() == []


def test_a_reset_that_was_interrupted_is_told_as_one_and_made_again() -> None:
    chip = CHIPS["es8388"]()
    codec = load_codec("es8388")
    bus = LossyBus(chip)
    driven = Codec(codec, bus, codec.addresses[0], 12_288_000, sleep=chip.wait)
    bus.refuse = 1
    with pytest.raises(ModeChangeFailed, match="reset was interrupted"):
        driven.apply(driven.plan({"rate_hz": 48_000, "provider": "codec", **codec.defaults}))
    assert driven.plan({}, "off").writes[0].register.name == codec.reset.writes[0][0]


def test_a_calibration_is_waited_for_and_its_failure_has_a_way_out() -> None:
    desk = Desk("codec-zero")
    polls = [step for step in desk.codec.plan(asked(desk.board, Mode.DEFAULT)).steps if isinstance(step, Poll)]
    assert [poll.name for poll in polls] == ["ALC_AUTO_CALIB_EN", "ALC_CALIB_OVERFLOW"]
    assert polls[1].otherwise
    desk.enter(Mode.DEFAULT)
    assert desk.chip.state()["alc_mode"] == "alc"


def test_what_can_be_read_reads_as_it_was_written() -> None:
    for name in ("codec-zero", "respeaker-2mic-v2"):
        desk = Desk(name)
        for mode in Mode:
            desk.enter(mode)
            assert desk.codec.differences() == [], (name, mode)


def test_a_line_input_is_asked_for_no_gain_where_the_codec_has_one_for_microphones_only() -> None:
    board = load_board("audio-injector-stereo")
    assert "input_gain_db" in asked(board, Mode.VOICE_CHAT, source="microphone")
    assert "input_gain_db" not in asked(board, Mode.VOICE_CHAT, source="line-in")
