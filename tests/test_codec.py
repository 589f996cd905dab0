"""Plans and their application, on the WM8960's description and a bus that listens."""

import errno

import pytest
from asking import asked
from fakes import LossyBus, RecordingBus

from firmware_py import Board, Codec, Mode
from firmware_py.codec import Wait, Write
from firmware_py.errors import BusError, DescriptionError, FirmwareError, ModeChangeFailed, PinError
from hil.sim.wm8960 import Wm8960


@pytest.fixture
def codec(board: Board, bus: RecordingBus) -> Codec:
    return Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=lambda seconds: None)


def written(plan, register: str) -> list[int]:
    return [step.word for step in plan.writes if step.register.name == register]


def test_planning_touches_nothing(codec, bus, board):
    first = codec.plan(asked(board, Mode.DEFAULT))
    assert bus.writes == []
    assert codec.plan(asked(board, Mode.DEFAULT)) == first


def test_a_chip_of_which_nothing_is_known_is_reset_first(codec, board):
    assert str(codec.plan(asked(board, Mode.DEFAULT)).writes[0]).startswith("R15  RESET")


def test_the_bytes_on_the_wire_are_seven_bits_of_address_and_nine_of_data(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.MEASUREMENT)))
    assert bus.writes[0] == (0x1A, bytes([0x0F << 1, 0x00]))
    assert (0x1A, bytes([0x05 << 1, 0x01])) in bus.writes  # R5: the high-pass is off


def test_a_mode_that_stands_needs_no_write(codec, board):
    codec.apply(codec.plan(asked(board, Mode.MEASUREMENT)))
    assert codec.plan(asked(board, Mode.MEASUREMENT)).steps == ()


def test_a_mode_change_on_the_same_clock_costs_no_waiting(codec, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    assert codec.plan(asked(board, Mode.VOICE_CHAT)).wait_s == 0.0


def test_the_way_up_from_cold_waits_for_supplies_and_pll(codec, board):
    waits = [step for step in codec.plan(asked(board, Mode.DEFAULT)).steps if isinstance(step, Wait)]
    assert [round(wait.seconds * 1e3) for wait in waits] == [100, 250]


def test_standby_keeps_what_takes_long_to_come_up(codec, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    codec.apply(codec.plan({}, "standby"))
    assert codec.plan(asked(board, Mode.DEFAULT)).wait_s == 0.0


def test_nothing_is_heard_until_the_last_write(codec, board):
    last = codec.plan(asked(board, Mode.DEFAULT)).writes[-1]
    assert "DACMU=unmuted" in str(last)


def test_only_the_last_gain_of_a_pair_carries_the_strobe(codec, board):
    plan = codec.plan(asked(board, Mode.MEASUREMENT))
    left, right = written(plan, "LINVOL")[-1], written(plan, "RINVOL")[-1]
    assert (left & 0x100, right & 0x100) == (0, 0x100)


def test_a_strobe_is_never_remembered(codec, board):
    codec.apply(codec.plan(asked(board, Mode.MEASUREMENT)))
    assert codec.words["RINVOL"] & 0x100 == 0


def test_gains_are_written_again_after_the_alc_has_moved_them(codec, board):
    automatic = asked(board, Mode.DEFAULT)
    codec.apply(codec.plan(automatic))
    fixed = codec.plan({**automatic, "alc": False})
    assert written(fixed, "RINVOL"), "the shadow agrees, but the ALC has left its own gain in the chip"


def test_the_alc_is_off_while_its_figures_change_and_on_at_the_end(codec, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    plan = codec.plan({**asked(board, Mode.DEFAULT), "alc_decay_ms": 3072.0})
    order = [(s.register.name, s.word >> 7) for s in plan.writes if s.register.name in ("ALC1", "ALC3")]
    assert order[0] == ("ALC1", 0)
    assert order[-1] == ("ALC1", 3)
    assert any(name == "ALC3" for name, _ in order[1:-1])


def test_a_gain_is_shared_between_boost_and_pga_to_half_a_step(codec, board):
    for total in (-17.25, 0.0, 5.0, 19.65, 22.66, 41.0, 59.0):
        plan = codec.plan({**asked(board, Mode.MEASUREMENT), "input_gain_db": total})
        words = plan.words
        boost = (0.0, 13.0, 20.0, 29.0)[words["LINPATH"] >> 4 & 3]
        pga = -17.25 + 0.75 * (words["LINVOL"] & 0x3F)
        assert boost + pga == pytest.approx(total, abs=0.376)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_gain_db": 60.0}, "60 dB is outside -17.25 ... 59 dB"),
        ({"rate_hz": 96_000}, "cannot make 96000 Hz from a clock of 24000000 Hz; it can make 8000"),
        ({"alc_target_dbfs": 3.0}, "ALC1.ALCL"),
        ({"mic_bias": "maybe"}, "'maybe'"),
        ({"loudness": 3}, "no control 'loudness'"),
    ],
)
def test_what_the_chip_cannot_do_is_refused_before_anything_is_written(codec, bus, board, change, says):
    with pytest.raises(DescriptionError) as refusal:
        codec.plan({**asked(board, Mode.DEFAULT), **change})
    assert says in str(refusal.value)
    assert bus.writes == []


def refuse_once(bus: RecordingBus, after: int) -> None:
    """Let *after* more writes through, refuse one, and acknowledge again."""
    countdown = iter([False] * after + [True])
    bus.refuse = lambda address, data: next(countdown, False)


def test_a_refused_write_leaves_the_old_mode_standing_whichever_it_is(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    before = str(codec.words)
    total = len(codec.plan(asked(board, Mode.VOICE_CHAT)).writes)
    assert total > 5
    for number in range(total):
        refuse_once(bus, number)
        with pytest.raises(ModeChangeFailed, match="the settings before stand again"):
            codec.apply(codec.plan(asked(board, Mode.VOICE_CHAT)))
        assert str(codec.words) == before


def test_a_failure_right_after_the_alc_went_off_still_rewrites_the_gains_it_had_moved(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    off = [str(write).split()[1] for write in codec.plan(asked(board, Mode.MEASUREMENT)).writes].index("ALC1")
    refuse_once(bus, off + 1)
    with pytest.raises(ModeChangeFailed):
        codec.apply(codec.plan(asked(board, Mode.MEASUREMENT)))
    gains = [data for _, data in bus.writes if data[0] >> 1 == 1]
    assert gains[-1][0] & 1, "the way back has let the gains through again"
    assert len(gains) > 1


def test_a_failure_says_at_which_step_and_which_register(codec, bus, board):
    bus.refuse = lambda address, data: data[0] >> 1 == 0x19
    with pytest.raises(ModeChangeFailed, match=r"WM8960, step \d+ of \d+ \(R25 POWER1\): no acknowledge"):
        codec.apply(codec.plan(asked(board, Mode.DEFAULT)))


def test_when_the_way_back_fails_too_the_next_plan_starts_with_a_reset(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    acknowledged = iter([False] * 3)
    bus.refuse = lambda address, data: next(acknowledged, True)
    with pytest.raises(ModeChangeFailed, match="the way back failed too"):
        codec.apply(codec.plan(asked(board, Mode.VOICE_CHAT)))
    assert isinstance(first := codec.plan(asked(board, Mode.DEFAULT)).steps[0], Write)
    assert first.register.name == "RESET"


def test_a_refused_write_may_have_arrived_and_is_written_again_on_the_way_back(board):
    for number in range(20):
        chip = Wm8960(mclk_hz=board.mclk_hz)
        bus = LossyBus(chip)
        codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=chip.wait)
        codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
        before = chip.state()
        plan = codec.plan(asked(board, Mode.VOICE_CHAT))
        if number >= len(plan.writes):
            return
        bus.lose_acknowledge_of = number
        with pytest.raises(ModeChangeFailed):
            codec.apply(plan)
        assert chip.state() == before


@pytest.mark.parametrize("number", range(7))
def test_a_chip_that_refuses_to_go_quiet_is_reset_and_never_left_sounding(board, number):
    chip = Wm8960(mclk_hz=board.mclk_hz)
    bus = LossyBus(chip)
    codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=chip.wait)
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    bus.refuse = number
    codec.apply(codec.plan({}, "standby"))
    assert chip.mic_bias_v["MICBIAS"] == 0.0
    assert chip.state()["dac_gain_db"] == [None, None]


def test_a_chip_that_cannot_be_silenced_at_all_is_said_to_be_possibly_on(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    bus.refuse = lambda address, data: True
    with pytest.raises(ModeChangeFailed, match="the codec may still be on"):
        codec.apply(codec.plan({}, "standby"))


def test_a_plan_made_for_another_state_is_refused(codec, bus, board):
    codec.apply(codec.plan(asked(board, Mode.DEFAULT)))
    old = codec.plan(asked(board, Mode.VOICE_CHAT))
    codec.apply(codec.plan(asked(board, Mode.MEASUREMENT)))
    with pytest.raises(FirmwareError, match="plan again"):
        codec.apply(old)


def test_a_fault_elsewhere_while_the_codec_settles_is_not_blamed_on_the_codec(board, bus):
    def disturbed(seconds: float) -> None:
        raise PinError(5, "the LEDs do not answer")

    codec = Codec(board.codec, bus, board.i2c_address, board.mclk_hz, sleep=disturbed)
    with pytest.raises(PinError):
        codec.apply(codec.plan(asked(board, Mode.DEFAULT)))


def test_what_the_codec_can_only_come_near_to_is_said(codec, board):
    assert any("alc_max_gain_db is 9" in sentence for sentence in codec.plan(asked(board, Mode.DEFAULT)).missing)


class TakenBus:
    """Every chip on it belongs to a driver of the kernel."""

    def write(self, address: int, data: bytes) -> None:
        raise BusError(errno.EBUSY, "it is owned by the kernel driver 'wm8960'")

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        raise BusError(errno.EBUSY, "it is owned by the kernel driver 'wm8960'")


@pytest.mark.parametrize("sequence", ["active", "standby", "off"])
def test_a_chip_that_is_somebody_else_s_counts_as_untouched_and_is_refused_in_one_sentence(board, sequence):
    codec = Codec(board.codec, TakenBus(), board.i2c_address, board.mclk_hz, sleep=lambda seconds: None)
    wanted = asked(board, Mode.DEFAULT) if sequence == "active" else {}
    with pytest.raises(ModeChangeFailed) as refusal:
        codec.apply(codec.plan(wanted, sequence))
    assert str(refusal.value).count("owned by the kernel driver") == 1
    assert not codec.touched
