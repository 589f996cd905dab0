from __future__ import annotations

import numpy as np
import pytest

from hil.sim.room import (
    LOUDSPEAKER_OFFSET_M,
    ROOMS,
    SPEED_OF_SOUND_M_S,
    TALKER_OFFSET_M,
    _images,
    impulse_response,
    room,
)


def distances_m(name, offset_m):
    return [np.linalg.norm(np.add(ROOMS[name].box_m, offset_m) - mic) for mic in ROOMS[name].microphones_m()]


@pytest.mark.parametrize("rate_hz", [16_000.0, 22_050.0, 44_100.0, 48_003.7])
@pytest.mark.parametrize("offset_m", [LOUDSPEAKER_OFFSET_M, TALKER_OFFSET_M])
def test_the_direct_path_takes_distance_over_speed_of_sound_and_weakens_by_distance(rate_hz, offset_m):
    response = impulse_response(room("anechoic"), rate_hz, offset_m)
    spectrum = np.fft.rfft(response.astype(np.float64), 4096)
    w = 2 * np.pi * np.fft.rfftfreq(4096)
    used = slice(1, 1200)
    for row, distance_m in zip(spectrum, distances_m("anechoic", offset_m), strict=True):
        delay_frames = -np.polyfit(w[used], np.unwrap(np.angle(row[used])), 1)[0]
        assert delay_frames == pytest.approx(distance_m / SPEED_OF_SOUND_M_S * rate_hz, abs=0.01)
        assert np.abs(row[used]) == pytest.approx(1 / distance_m, rel=0.01)


def test_the_loudspeaker_is_a_quarter_of_a_metre_away_and_the_talker_further():
    assert np.linalg.norm(LOUDSPEAKER_OFFSET_M) == pytest.approx(0.25, abs=0.002)
    assert np.linalg.norm(TALKER_OFFSET_M) == pytest.approx(0.60, abs=0.002)


@pytest.mark.parametrize("rate_hz", [16_000.0, 48_000.0])
@pytest.mark.parametrize("name", ["booth", "office", "living-room", "hall"])
def test_the_room_dies_away_in_its_reverberation_time(name, rate_hz):
    response = impulse_response(room(name), rate_hz).astype(np.float64)[0]
    direct_s = distances_m(name, LOUDSPEAKER_OFFSET_M)[0] / SPEED_OF_SOUND_M_S
    late = response[int((direct_s + 0.002) * rate_hz) :]
    remaining_db = 10 * np.log10(np.cumsum(late[::-1] ** 2)[::-1])
    remaining_db -= remaining_db[0]
    start, stop = np.argmax(remaining_db < -5), np.argmax(remaining_db < -25)
    slope_db_per_s = np.polyfit(np.arange(start, stop) / rate_hz, remaining_db[start:stop], 1)[0]
    assert -60 / slope_db_per_s == pytest.approx(room(name).t60_s, rel=0.2)
    assert len(response) <= 0.6 * rate_hz


def test_an_image_has_met_as_many_walls_as_it_takes_mirrors_to_make_it():
    place = room("office")
    source = np.add(place.box_m, LOUDSPEAKER_OFFSET_M)
    mirrored = {tuple(np.round(source, 6)): 0}
    for order in (1, 2, 3):
        for image, met in list(mirrored.items()):
            if met == order - 1:
                for axis, size_m in enumerate(place.size_m):
                    for wall_m in (0.0, size_m):
                        new = [*image[:axis], 2 * wall_m - image[axis], *image[axis + 1 :]]
                        mirrored.setdefault(tuple(np.round(new, 6)), order)
    images, bounces = _images(place, source, reach_m=30.0)
    few = np.flatnonzero(bounces <= 3)
    assert mirrored == {tuple(np.round(images[i], 6)): bounces[i] for i in few}


def test_the_first_echo_comes_from_the_nearest_mirror_source():
    rate_hz, place = 48_000.0, room("hall")
    source, microphone = np.add(place.box_m, LOUDSPEAKER_OFFSET_M), np.array(place.microphones_m()[0])
    mirrored_m = []
    for axis, size_m in enumerate(place.size_m):
        for wall_m in (0.0, size_m):
            image = source.copy()
            image[axis] = 2 * wall_m - source[axis]
            mirrored_m.append(np.linalg.norm(image - microphone))
    response = impulse_response(place, rate_hz)[0]
    expected = min(mirrored_m) / SPEED_OF_SOUND_M_S * rate_hz
    after_direct = int(distances_m("hall", LOUDSPEAKER_OFFSET_M)[0] / SPEED_OF_SOUND_M_S * rate_hz) + 40
    first = after_direct + np.argmax(np.abs(response[after_direct : int(expected) + 40]))
    assert first == pytest.approx(expected, abs=2)


def test_a_response_is_the_same_every_time():
    before = impulse_response(room("office"), 16_000.0)
    impulse_response.cache_clear()
    again = impulse_response(room("office"), 16_000.0)
    assert again is not before
    assert np.array_equal(again, before)


def test_an_unknown_room_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="anechoic, booth, office, living-room, hall"):
        room("garage")


def test_nothing_sounds_from_behind_the_wall():
    with pytest.raises(ValueError, match="outside"):
        impulse_response(room("booth"), 16_000.0, (5.0, 0.0, 0.0))
