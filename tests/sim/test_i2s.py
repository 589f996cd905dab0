"""The I2S wire: what each wrong port setting does to a word."""

import numpy as np
import pytest

from hil.sim.i2s import Port, Wire

FRAMES = np.array([[0x40000000, -0x20000000], [-0x12345679, 0x7FFFFFFF], [3, -1], [0x0000FF00, 0x55555555]], np.int32)


def wrapped(values):
    return (np.asarray(values, np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


@pytest.mark.parametrize("bits", [16, 20, 24, 32])
def test_a_short_word_loses_its_low_bits_in_both_directions(bits):
    wire, port = Wire(), Port("i2s", bits)
    kept = FRAMES >> (32 - bits) << (32 - bits)
    assert np.array_equal(wire.to_codec(FRAMES, port), kept)
    assert np.array_equal(wire.to_host(FRAMES, port), kept)


def test_a_left_justified_port_hears_half_and_on_the_other_side():
    heard = Wire().to_codec(FRAMES, Port("left_justified", 24))
    assert heard[0, 1] == 0x20000000
    assert heard[0, 0] == 0x70000000, "a negative word loses its sign: that is the crash one hears"


def test_a_left_justified_port_is_read_doubled_and_wrapped():
    read = Wire().to_host(FRAMES, Port("left_justified", 24))
    assert np.array_equal(read[:, ::-1] & ~1, wrapped((FRAMES & ~0xFF).astype(np.int64) << 1))


def test_an_inverted_bit_clock_shifts_by_one_bit_without_swapping():
    assert Wire().to_codec(FRAMES, Port("i2s", 24, bclk_inverted=True))[0, 0] == 0x20000000


def test_a_right_justified_16_bit_port_takes_the_low_half():
    heard = Wire().to_codec(FRAMES, Port("right_justified", 16))
    assert np.array_equal(heard[:, ::-1], wrapped(FRAMES.astype(np.int64) << 15) & ~0xFFFF)


@pytest.mark.parametrize(
    "port",
    [
        Port("i2s", 32, lrclk_inverted=True),
        Port("i2s", 32, swap_play=True, swap_capture=True),
    ],
)
def test_inverted_lrclk_and_swap_bits_exchange_left_and_right(port):
    assert np.array_equal(Wire().to_codec(FRAMES, port), FRAMES[:, ::-1])
    assert np.array_equal(Wire().to_host(FRAMES, port), FRAMES[:, ::-1])


def test_a_dsp_port_starts_in_the_middle_of_the_frame():
    heard = Wire().to_codec(FRAMES, Port("dsp", 32))
    assert np.array_equal(heard[1:, 0], FRAMES[:-1, 1])
    assert np.array_equal(heard[:, 1], FRAMES[:, 0])


def test_dsp_words_follow_each_other_without_padding():
    heard = Wire().to_codec(FRAMES, Port("dsp", 16))
    assert np.array_equal(heard[1:, 1], wrapped(FRAMES[:-1, 1].astype(np.int64) << 16))


def test_a_dsp_stream_does_not_depend_on_where_the_host_cuts_it():
    port = Port("dsp", 24, lrclk_inverted=True)
    whole, parts = Wire(), Wire()
    cut = [parts.to_codec(FRAMES[:1], port), parts.to_codec(FRAMES[1:], port)]
    assert np.array_equal(whole.to_codec(FRAMES, port), np.concatenate(cut))
    cut = [parts.to_host(FRAMES[:1], port), parts.to_host(FRAMES[1:], port)]
    assert np.array_equal(whole.to_host(FRAMES, port), np.concatenate(cut))


@pytest.mark.parametrize(
    ("frame_bclk", "left", "right"),
    [
        (64, 0x12345678, 0x76543210),
        (32, 0x12340000, 0x56780000),  # the right slot opens while the host still sends left
        (256, 0x12345678, 0),  # the right slot opens after the host has finished
        (8, 0, 0),  # nothing one could call a word
    ],
)
def test_only_64_bit_clocks_a_frame_carry_both_channels(frame_bclk, left, right):
    frames = np.array([[0x12345678, 0x76543210]], np.int32)
    assert Wire().to_codec(frames, Port("i2s", 32, frame_bclk=frame_bclk)).tolist() == [[left, right]]
