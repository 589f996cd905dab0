from __future__ import annotations

import numpy as np
import pytest

from hil.sim.hats import HATS
from hil.sim.room import TALKER_OFFSET_M, impulse_response, room
from hil.sim.transducers import Loudspeaker, pascal
from hil.sim.world import World

HAT = HATS["respeaker-2mic-v1"]
SILENCE = np.zeros((128, 2), np.int32)
QUIET_SPL_DB = -60.0  # the capsules' own 30 dB(A) remain


@pytest.fixture
def chip(wire):
    return wire()


def run(world, periods, playback=SILENCE):
    return np.concatenate([world.step(playback) for _ in range(periods)]) / 2.0**31


def play(world, volts):
    """float[n] to both channels, in periods of 128; what the chip heard, in volts, float64[n, 2]."""
    frames = np.round(np.stack([volts, volts], axis=1) * 2.0**31).astype(np.int32)
    return np.concatenate([world.step(block) for block in frames.reshape(-1, 128, 2)]) / 2.0**31


def sine(rms, frequency_hz, rate_hz, seconds):
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return (np.sqrt(2) * rms * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64), axis=0))


def pitch_hz(x, rate_hz):
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 2**20))
    return np.argmax(spectrum) * rate_hz / 2**20


def test_without_a_frame_clock_nothing_comes_and_no_time_passes(wire):
    world = World(wire(frame_rate_hz=None), HAT)
    assert world.step(SILENCE) is None
    assert world.time_s == 0


def test_time_is_the_frames_of_the_true_clock(wire):
    world = World(wire(frame_rate_hz=15_000.0), HAT)
    run(world, 75)
    world.wait(0.25)
    assert world.time_s == pytest.approx(75 * 128 / 15_000 + 0.25)
    assert world.chip.waited_s == 0.25


@pytest.mark.parametrize(("spl_db", "dbv"), [(94, -38.0), (74, -58.0)])
def test_a_calibrated_source_is_volts_at_both_microphone_pins(chip, spl_db, dbv):
    world = World(chip, HAT, "hall", noise_spl_db=QUIET_SPL_DB)
    world.wait(1.0)
    world.talk(sine(pascal(spl_db), 1_000, 16_000, 2.0), 16_000, at="capsule")
    assert 20 * np.log10(rms(run(world, 125))) == pytest.approx([dbv, dbv], abs=0.05)


def test_a_wrong_clock_is_a_wrong_pitch(wire):
    world = World(wire(frame_rate_hz=15_000.0), HAT, "anechoic")
    world.wait(1.0)
    world.talk(sine(1.0, 1_000, 16_000, 2.0), 16_000, at="capsule")
    believed_rate_hz = 16_000
    assert pitch_hz(run(world, 125)[:, 0], believed_rate_hz) == pytest.approx(1_000 * 16 / 15, abs=0.5)


def test_microphones_without_bias_give_nothing(wire):
    world = World(wire(mic_bias_v=0.0), HAT)
    world.wait(1.0)
    world.talk(sine(1.0, 1_000, 16_000, 1.0), 16_000, at="capsule")
    assert not run(world, 20).any()


def test_the_echo_is_the_loudspeaker_convolved_with_the_room(chip):
    world = World(chip, HAT, "office", distortion=0.0)
    volts = np.random.default_rng(2).uniform(-0.5, 0.5, 60 * 128).astype(np.float32)
    with world.recording() as tape:
        play(world, volts)
    pressure = Loudspeaker(16_000.0, 0.0).pressure_pa(volts)
    response = impulse_response(room("office"), 16_000.0)
    for echo, taps in zip(tape.echo_pa.T, response, strict=True):
        truth = np.convolve(pressure, taps)[: len(volts)]
        assert np.max(np.abs(echo - truth)) < 1e-5 * np.max(np.abs(truth))
    assert tape.speaker_v == pytest.approx(volts, abs=1e-6)


def test_a_talker_reaches_the_microphones_by_one_over_distance(chip):
    world = World(chip, HAT, "anechoic", noise_spl_db=QUIET_SPL_DB)
    world.talk(sine(0.1, 500, 16_000, 2.0), 16_000)
    with world.recording() as tape:
        run(world, 125)
    middle = np.linalg.norm(TALKER_OFFSET_M)
    assert rms(tape.near_pa[1_600:-1_600]) == pytest.approx(np.full(2, 0.1 / middle), rel=0.02)


def test_talk_can_be_queued_and_hushed(chip):
    world = World(chip, HAT, "anechoic")
    ends_s = world.talk(np.ones(16_000, np.float32), 16_000, at="capsule", start_s=0.8)
    assert ends_s == pytest.approx(1.8)
    with world.recording() as tape:
        run(world, 110)  # 0.88 s
        world.hush()
        run(world, 10)
    heard = tape.near_pa[:, 0]
    assert np.array_equal(np.flatnonzero(heard), np.arange(12_800, 14_080))


def test_a_room_rings_on_after_the_talker_and_then_falls_silent(chip):
    world = World(chip, HAT, "hall")
    world.talk(sine(0.1, 500, 16_000, 0.8), 16_000)
    with world.recording() as tape:
        run(world, 100 + 200)
    after = np.abs(tape.near_pa[100 * 128 :, 0])
    assert after[5 * 128 : 10 * 128].max() > 1e-4
    assert after[150 * 128 :].max() == 0.0


def test_without_air_there_is_no_echo(chip):
    world = World(chip, HAT, acoustic_coupling=0.0)
    with world.recording() as tape:
        play(world, sine(0.5, 1_000, 16_000, 0.8))
    assert not tape.echo_pa.any()
    assert tape.speaker_v.any()


def test_a_cable_carries_the_headphones_to_the_microphone_pins_and_nothing_else(chip):
    world = World(chip, HAT, cable_gain_db=-20.0)
    world.talk(sine(1.0, 300, 16_000, 1.0), 16_000, at="capsule")
    volts = sine(0.5, 1_000, 16_000, 0.8)
    assert play(world, volts) == pytest.approx(np.stack([volts, volts], axis=1) / 10, abs=1e-6)


def test_the_same_seed_is_the_same_world(wire):
    first, again, other = (World(wire(), HAT, seed=seed) for seed in (1, 1, 2))
    for world in (first, again, other):
        world.wait(1.0)
    heard = run(first, 10)
    assert np.array_equal(heard, run(again, 10))
    assert not np.array_equal(heard, run(other, 10))


def test_moving_the_box_or_the_loudspeaker_changes_the_echo_and_not_the_stream(chip):
    world = World(chip, HAT, "office", distortion=0.0)
    volts = np.tile(np.random.default_rng(4).uniform(-0.5, 0.5, 1_280), 10).astype(np.float32)
    with world.recording() as tape:
        play(world, volts)
        world.move_to("living-room")
        play(world, volts)
        world.move_speaker((0.12, -0.05, -0.22))
        play(world, volts)
    office, living_room, moved = tape.echo_pa[:, 0].reshape(3, -1)[:, -1_280:]
    level = rms(office)
    assert rms(living_room - office) > 0.1 * level
    assert rms(moved - living_room) > 0.1 * level
    assert world.room_name == "living-room"


def test_a_loudspeaker_behind_the_wall_is_refused_and_the_old_place_stays(chip):
    world = World(chip, HAT, "booth")
    with pytest.raises(ValueError, match="outside"):
        world.move_speaker((3.0, 0.0, 0.0))
    assert len(run(world, 2)) == 256


def test_unknown_rooms_and_places_are_refused_by_name(chip):
    with pytest.raises(KeyError, match="living-room"):
        World(chip, HAT, "garage")
    with pytest.raises(ValueError, match="'mouth' or 'capsule'"):
        World(chip, HAT).talk(np.zeros(1, np.float32), 16_000, at="door")


def test_a_tape_holds_every_frame_of_its_block_and_none_beside(chip):
    world = World(chip, HAT)
    run(world, 3)
    with world.recording() as tape:
        run(world, 5)
    run(world, 3)
    assert tape.speaker_v.shape == (640,)
    assert tape.mic_pa.shape == tape.echo_pa.shape == tape.near_pa.shape == (640, 2)
    assert tape.mic_bias_v.tolist() == pytest.approx([2.1] * 5)


def test_a_talker_does_not_wait_for_the_stream_to_start(chip):
    world = World(chip, HAT, "anechoic")
    world.talk(np.arange(16_000, dtype=np.float32), 16_000, at="capsule")
    world.wait(0.5)
    with world.recording() as tape:
        run(world, 1)
    assert np.array_equal(tape.near_pa[:, 1], 8_000 + np.arange(128))
