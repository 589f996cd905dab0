"""The bulk delay against its plain twin, and against delays that are known because the test made them."""

import numpy as np
import pytest

from firmware_py.dsp.bulk_delay import (
    CONFIDENCE,
    EVIDENCE,
    GROUP,
    LAG,
    WITHIN,
    bulk_delay,
    find_delay,
)
from firmware_py.dsp.vectors import shift_rows

RATE, B = 16000, 128
SURE = 0.5


class DelayTwin:
    """What bulk_delay says in its docstring, in complex double precision."""

    def __init__(self, block_s, bins, lags):
        self.block_s, self.F, self.M = block_s, bins, lags
        self.band = np.arange(bins) / block_s >= 200
        self.X, self.D = [np.zeros(bins, complex)] * 3, [np.zeros(bins, complex)] * 2
        self.tone = [[np.zeros(bins), np.zeros(bins, complex)] for _ in range(2)]
        self.power = [np.zeros(bins) for _ in range(2)]
        self.V, self.N = [np.zeros(bins, complex)] * (lags + GROUP), [np.zeros(bins, complex)] * GROUP
        self.A = np.zeros((lags, bins), complex)
        self.U, self.L, self.votes = np.zeros((3, lags))
        self.keep = np.exp(-GROUP * block_s / 0.15)
        self.lag, self.within, self.confidence, self.blocks = -1, 0.0, 0.0, 0

    def whiten(self, end, now, before):
        power, product = self.tone[end]
        rest = now - product / (power + 1e-12) * before
        keep = np.exp(-self.block_s / 0.05)
        self.tone[end] = [
            keep * power + (np.abs(now) ** 2 + np.abs(before) ** 2) / 2,
            keep * product + now * before.conj(),
        ]
        keep = np.exp(-self.block_s / 0.5)
        self.power[end] = keep * self.power[end] + (1 - keep) * np.abs(rest) ** 2
        return self.band * rest / np.sqrt(np.abs(rest) ** 2 + self.power[end] + 1e-12)

    def block(self, x, d):
        x, d = x[: 2 * self.F : 2], d[: 2 * self.F : 2]
        self.X, self.D = [x, *self.X[:-1]], [d, *self.D[:-1]]
        self.V = [self.whiten(0, x, self.X[2]), *self.V[:-1]]
        self.N = [self.whiten(1, d, self.D[1]), *self.N[:-1]]
        turn = -(self.blocks + 1) % GROUP
        self.blocks += 1
        part = self.M // GROUP
        for m in range(turn * part, (turn + 1) * part):
            y = sum(self.N[j] * self.V[m + j].conj() for j in range(GROUP))
            energy = (np.abs(y) ** 2).sum()
            self.A[m] = self.keep * self.A[m] + y
            self.U[m] = self.keep**2 * self.U[m] + energy
            self.L[m] = self.keep * self.L[m] + np.sqrt(energy)
        if turn == 0:
            self.decide()

    def decide(self):
        g = self.gamma = ((np.abs(self.A) ** 2).sum(1) - self.U) / (self.L**2 - self.U + self.F)
        seconds = GROUP * self.block_s
        floor, top = max(g[g <= g.mean()].mean(), 0), g.max()
        first = int(np.argmax(g >= floor + 0.5 * (top - floor)))
        taps = np.fft.irfft(self.A[first], 2 * self.F)
        within = np.argmax(np.abs(taps)) / len(taps)
        if first + 1 < self.M and g[first] < 1.1 * (1 - within) * g[first + 1]:
            first += 1
        weight = np.clip((top - floor - 0.05) / 0.15, 0, 2) * np.clip(1.5 - 2 * floor / (top + 1e-12), 0, 1)
        if self.lag >= 0 and -0.25 <= first + within - self.lag < 1.25:
            self.within = first + within - self.lag
            self.confidence += (1 - self.confidence) * min(1, weight * seconds / 0.2)
            self.votes *= np.exp(-weight * seconds / 0.3)
        else:
            needed = 0.3
            if self.lag >= 0:
                explained = (g[self.lag : self.lag + 2].max() - floor) / (top - floor + 1e-12)
                weight *= np.clip(1.5 - 2.8 * max(explained, 0), 0, 1)
                needed = 0.1 if abs(first - self.lag) * self.block_s > 0.03 else 0.6
            self.votes[first] += weight * seconds
            self.confidence *= 1 - min(1, weight * seconds / 0.2)
            own = self.votes[max(first - 1, 0) : first + 2].sum()
            if own >= needed and own >= 0.7 * self.votes.sum():
                self.lag, self.within, self.confidence = first, within, 0.6
                self.votes[:] = 0
        if weight == 0:
            self.confidence *= 1 - seconds / 5
        self.votes *= np.exp(-seconds / 2)


def spectra(signal, block, half):
    """Spectra of all blocks, padded as the canceller pads them: with the block before, or with zeros in its place."""
    rows = signal[: len(signal) // block * block].reshape(-1, block).astype(np.float64)
    before = np.vstack([np.zeros((1, block)), rows[:-1]]) if half == "far" else np.zeros_like(rows)
    out = np.zeros((len(rows), -(-(block + 1) // 8) * 8), complex)
    out[:, : block + 1] = np.fft.rfft(np.hstack([before, rows]))
    return out


def listen(mic, far, block=B, rate=RATE, twin=False, settled=False):
    """What is found after each block: [blocks, 4]; with its twin, (lag, within, confidence, gamma's error) of both."""
    state = bulk_delay(rate, block)
    x, d = spectra(far, block, "far"), spectra(mic, block, "mic")
    x_re, x_im = np.zeros((2, 64, x.shape[1]), np.float32)
    d_re, d_im = d.real.astype(np.float32), d.imag.astype(np.float32)
    plain, both = DelayTwin(block / rate, len(state.band), len(state.gamma)), []
    found = np.zeros((len(d), 4))
    for n in range(len(d)):
        row = -n & 63
        x_re[row], x_im[row] = x[n].real, x[n].imag
        find_delay(state, x_re, x_im, row, d_re[n], d_im[n], settled)
        found[n] = state.found
        if twin:
            plain.block(x[n], d[n])
            off = np.abs(state.gamma - plain.gamma).max() if n >= GROUP else 0.0
            both.append([plain.lag, plain.within, plain.confidence, off])
    return (found, np.array(both)) if twin else found


def noise(seconds, seed, rate=RATE):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def voice(seconds, seed, rate=RATE):
    """Noise as a voice shapes it: louder below, four syllables a second, pauses."""
    signal, frames = noise(seconds, seed, rate), round(seconds * rate)
    shaped = np.zeros(frames)
    shaped[1:] = signal[1:] + 0.9 * signal[:-1]
    turn = 2 * np.pi * np.arange(frames) / rate
    return shaped * np.maximum(np.sin(4 * turn) + 0.3, 0.01) * (np.sin(0.7 * turn + seed) > -0.8)


def echo(far, delay_s, seed, rate=RATE, t60_s=0.3, snr_db=10.0):
    """Direct sound, and 4 dB below it a room that decays; noise at *snr_db*."""
    rng = np.random.default_rng(seed)
    frames, delay = round(t60_s * rate), round(delay_s * rate)
    room = rng.standard_normal(frames) * 10 ** (-3 * np.arange(frames) / frames)
    room *= 0.63 / np.sqrt(room @ room)
    room[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(far) + frames)))
    heard = np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(room, size))[: len(far)]
    heard = np.concatenate([np.zeros(delay), heard])[: len(far)]
    return heard + rng.standard_normal(len(far)) * np.sqrt((heard**2).mean()) * 10 ** (-snr_db / 20)


def test_every_block_equals_the_plain_twin():
    far = voice(3.0, seed=1)
    mic = np.where(np.arange(len(far)) < 1.5 * RATE, echo(far, 0.0433, 2), echo(far, 0.1641, 3))
    found, plain = listen(mic, far, twin=True)
    assert plain[:, 3].max() < 1e-4
    assert np.array_equal(found[:, LAG], plain[:, 0])
    assert np.allclose(found[:, WITHIN], plain[:, 1], atol=1e-6)
    assert np.allclose(found[:, CONFIDENCE], plain[:, 2], atol=1e-3)
    assert set(found[:, LAG]) == {-1, 5, 20}


@pytest.mark.parametrize("delay_ms", [0, 3, 8, 20, 61, 120, 177, 250])
@pytest.mark.parametrize("sound", [noise, voice])
def test_a_delay_is_found_within_its_block(sound, delay_ms):
    far = sound(1.6, seed=delay_ms)
    found = listen(echo(far, delay_ms / 1e3, seed=4), far)
    sure = found[:, CONFIDENCE] > SURE
    assert sure[-1]
    assert np.abs(found[sure, LAG] + found[sure, WITHIN] - delay_ms / 8).max() < 0.3


@pytest.mark.parametrize(
    ("rate", "block"),
    [(16000, 64), (16000, 128), (16000, 160), (16000, 256), (48000, 192), (48000, 384), (48000, 480), (48000, 768)],
)
def test_every_block_length_of_every_rate_finds_the_same_delay(rate, block):
    far = voice(1.6, seed=5, rate=rate)
    found = listen(echo(far, 0.1037, seed=6, rate=rate), far, block, rate)
    assert found[-1, CONFIDENCE] > SURE
    assert (found[-1, LAG] + found[-1, WITHIN]) * block / rate == pytest.approx(0.1037, abs=0.003)


@pytest.mark.parametrize("delay_s", [(0.020, 0.075), (0.075, 0.020), (0.030, 0.130), (0.240, 0.140)])
@pytest.mark.parametrize("sound", [noise, voice])
def test_a_jump_is_found_within_300_ms_of_sound(sound, delay_s):
    far, jump = sound(3.0, seed=7), 200
    after = np.arange(len(far)) >= jump * B
    found = listen(np.where(after, echo(far, delay_s[1], 8), echo(far, delay_s[0], 9)), far)
    assert set(found[100:jump, LAG]) == {int(delay_s[0] / 0.008)}
    new = np.flatnonzero((found[:, LAG] == int(delay_s[1] / 0.008)) & (found[:, CONFIDENCE] > SURE))
    heard = np.abs(far).reshape(-1, B).max(1) > 0.01
    assert heard[jump : new[0]].sum() * 0.008 <= 0.3
    assert np.array_equal(new, np.arange(new[0], len(found)))


def test_while_the_filter_cancels_a_sure_lag_is_weighed_in_one_group_of_four_and_doubted_in_all():
    far = noise(4.0, seed=30)
    settled, doubted = (listen(echo(far, 0.05, seed=31), far, settled=settled) for settled in (True, False))
    sure = int(np.flatnonzero(settled[:, CONFIDENCE] > 0.9)[0])
    assert np.array_equal(settled[: sure + 1], doubted[: sure + 1])
    weighed = np.flatnonzero(np.diff(settled[sure:, CONFIDENCE]))
    assert set(np.diff(weighed)) == {4 * GROUP}
    assert set(settled[sure:, LAG]) == {6}
    weighed = np.flatnonzero(np.diff(doubted[sure : sure + 40, CONFIDENCE]))
    assert set(np.diff(weighed)) == {GROUP}


def test_a_jump_is_found_even_if_the_filter_seems_to_cancel():
    far, jump = noise(5.0, seed=32), 200
    after = np.arange(len(far)) >= jump * B
    found = listen(np.where(after, echo(far, 0.130, 8), echo(far, 0.030, 9)), far, settled=True)
    assert set(found[100:jump, LAG]) == {3}
    assert found[jump + 150, LAG] == 16


def test_a_silent_far_end_is_no_evidence_and_only_makes_what_is_known_less_sure():
    far = np.concatenate([voice(1.2, seed=10), np.zeros(RATE)])
    found = listen(echo(far, 0.05, seed=11), far)
    last = found[-1]
    assert (last[LAG], last[EVIDENCE]) == (6, 0)
    assert np.array_equal(found[200, :CONFIDENCE], last[:CONFIDENCE])
    assert last[CONFIDENCE] == pytest.approx(
        found[200, CONFIDENCE] * np.exp(-(len(found) - 201) * 0.008 / 5.0), rel=0.01
    )


@pytest.mark.parametrize("sound", [noise, voice])
def test_headphones_are_no_evidence(sound):
    found = listen(sound(6.0, seed=12), sound(6.0, seed=13))
    assert found[:, CONFIDENCE].max() == 0.0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ser_db", [0, -10])
def test_double_talk_never_makes_it_sure_of_a_wrong_lag(ser_db, seed):
    far, near = voice(4.0, seed=20 + seed), voice(4.0, seed=30 + seed)
    heard = echo(far, 0.100, seed=40 + seed, snr_db=30)
    mic = heard + near * np.sqrt((heard**2).mean() / (near**2).mean()) * 10 ** (-ser_db / 20)
    found = listen(mic, far)
    sure = found[:, CONFIDENCE] > SURE
    assert not sure.any() or set(found[sure, LAG]) <= {12}


def test_level_does_not_matter():
    far = voice(2.0, seed=50)
    far /= np.abs(far).max()
    mic = echo(far, 0.066, seed=51)
    mic /= np.abs(mic).max()
    loud, quiet, unlike = listen(mic, far), listen(1e-3 * mic, 1e-3 * far), listen(1e-3 * mic, far)
    assert np.array_equal(loud[:, LAG], quiet[:, LAG])
    assert np.array_equal(loud[:, LAG], unlike[:, LAG])
    assert loud[-1, LAG] == 8


def test_a_clock_that_drifts_moves_the_lag_once_a_block_and_not_to_and_fro():
    ppm, seconds = 200, 60
    far = voice(seconds, seed=60)
    times = np.arange(len(far)) * (1 + ppm * 1e-6) - 0.0790 * RATE  # 12.0 ms earlier after a minute
    left = np.floor(times).astype(int)
    share = times - left
    padded = np.concatenate([np.zeros(2000), far, np.zeros(2000)])
    mic = (1 - share) * padded[left + 2000] + share * padded[left + 2001]
    found = listen(mic + 1e-3 * noise(seconds, seed=61), far)
    lags = found[found[:, LAG] >= 0, LAG]
    visits = lags[np.flatnonzero(np.diff(lags, prepend=-1))]
    assert list(visits) == [9, 8]
    truth = (0.0790 - np.arange(len(found)) * 0.008 * ppm * 1e-6) / 0.008
    assert np.abs(found[200:, LAG] + found[200:, WITHIN] - truth[200:]).max() < 0.5


def test_blocks_under_4_or_over_16_ms_are_refused():
    for block in (32, 480):
        with pytest.raises(ValueError, match="4 to 16 ms"):
            bulk_delay(RATE, block)


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (0, [1, 2, 3, 4]),
        (1, [0, 1, 2, 3]),
        (3, [0, 0, 0, 1]),
        (-1, [2, 3, 4, 0]),
        (-3, [4, 0, 0, 0]),
        (9, [0, 0, 0, 0]),
        (-9, [0, 0, 0, 0]),
    ],
)
def test_rows_move_as_far_as_they_are_told_and_leave_silence_behind(by, rows):
    filter_ = np.repeat(np.arange(1, 5, dtype=np.float32), 16).reshape(4, 16)
    shift_rows(filter_, by)
    assert np.array_equal(filter_, np.repeat(np.array(rows, np.float32), 16).reshape(4, 16))
