"""The suppressor against its plain twin: the same equations in double precision, whole arrays at a time."""

import numpy as np
import pytest

from firmware_py.dsp.fft import real_fft
from firmware_py.dsp.residual_echo import LEVEL, NEAR, residual_echo, suppress_residual

RATE, B = 16000, 128
FLOOR = 1e-10


class ResidualTwin:
    """What residual_echo says in its docstring, at 8 ms blocks, where all its constants are the plain ones."""

    def __init__(self, noise_reduction_db):
        bins, bands = B + 1, 36
        self.window = np.sin(np.pi * (np.arange(2 * B) + 0.5) / (2 * B))
        self.nu = min(1.0, noise_reduction_db / 8)
        self.floor = 10 ** (-noise_reduction_db / 20)
        self.e = self.y = np.zeros(B)
        self.overlap = np.zeros(B)
        self.Ys = self.S = self.PM = self.A = np.zeros(bins)
        self.M0 = self.M1 = np.full(bins, 1e30)
        self.leak, self.slope, self.trust = np.full(bands, -2.0), np.zeros(bands), np.zeros(bands)
        self.usual = np.zeros(6)
        self.evidence = self.p = 0.0
        self.usual_level = 2 * np.log2(0.05)
        self.n = 0

    @staticmethod
    def bands(power):
        return np.pad(power, (0, 144 - len(power))).reshape(-1, 4).sum(1)

    @staticmethod
    def spread(band):
        return np.repeat(band, 4)[: B + 1]

    def block(self, e, y, missed, level):
        E, Y = (np.fft.rfft(self.window * np.concatenate(pair)) for pair in ((self.e, e), (self.y, y)))
        self.e, self.y = e, y
        E2 = np.abs(E) ** 2
        self.Ys = np.maximum(np.abs(Y) ** 2, 0.75 * self.Ys)
        S, self.S = np.maximum(missed, self.S), missed
        self.PM = 0.8 * self.PM + 0.2 * E2
        self.M0 = np.minimum(self.M0, self.PM)
        N = 1.6 * np.minimum(self.M0, self.M1)
        if (self.n + 1) % 100 == 0:
            self.M0, self.M1 = self.PM, self.M0

        units = 2 * np.log2(level + 1e-6)
        if level > 0.002:
            self.usual_level += 0.01 * (units - self.usual_level)
        lv = np.clip(units - self.usual_level, -3, 3)
        Eb, Yb, Sb, Nb = map(self.bands, (E2, self.Ys, S, N))
        self.judge(Eb, Yb, Sb, Nb, lv)
        self.learn(Eb, Yb, Sb, Nb, lv)

        p = self.p
        R = self.spread(2 ** (self.leak + self.slope * lv)) * self.Ys + self.spread(2**self.trust) * S
        D = (24 * (1 - p) + p) * R + self.nu * (1 - 0.95 * p) * N + FLOOR
        alpha = 0.9 * (1 - p) + 0.4 * p
        xi = alpha * self.A / D + (1 - alpha) * np.maximum(E2 / D - 1, 0)
        G = np.maximum(xi / (1 + xi), self.floor * np.sqrt(np.minimum(1, N / (E2 + FLOOR))))
        self.A = G**2 * E2
        frame = self.window * np.fft.irfft(G * E)
        out, self.overlap = self.overlap + frame[:B], frame[B:]
        self.n += 1
        return out

    def judge(self, Eb, Yb, Sb, Nb, lv):
        speech = slice(1, 20)  # 250 Hz to 5 kHz in bands of 250 Hz
        R = 2 ** (self.leak + self.slope * lv) * Yb + 2**self.trust * Sb
        v = np.clip(np.log2((Eb + FLOOR) / (R + 2 * Nb + FLOOR)), 0, 5)[speech]
        evidence = v.mean()
        if (Yb > 8 * Nb + FLOOR)[speech].mean() > 0.4:
            grade = min(max(int(lv + 3), 0), 5)
            usual = self.usual[grade]
            step = 0.005 * (0.75 * (1 - 0.95 * self.p) if evidence > usual else -0.25)
            self.usual[grade] = np.clip(usual + step, 0, 2)
            evidence = max(evidence - usual, 0)
        keep = 0.5 if evidence > self.evidence else 0.6
        self.evidence = keep * self.evidence + (1 - keep) * evidence
        self.p = float(np.clip((self.evidence - 0.3) / 0.7, 0, 1))

    def learn(self, Eb, Yb, Sb, Nb, lv):
        up, down = 1 - 0.9 * self.p, 1 - 0.8 * self.p
        residual = np.maximum(Eb - Nb, 0.1 * Nb) + FLOOR
        for b in range(self.n % 2, len(Eb), 2):
            if Yb[b] > 8 * Nb[b] + FLOOR:
                off = np.log2(residual[b] / Yb[b]) - (self.leak[b] + self.slope[b] * lv)
                move = 0.12 * (0.4 * up if off > 0 else -0.6 * down) * (2 if abs(off) > 2 else 1)
                self.leak[b] = np.clip(self.leak[b] + move, -8, -2)
                self.slope[b] = np.clip(self.slope[b] + 0.3 * lv * move, 0, 3)
            if Sb[b] > 4 * Nb[b] + FLOOR:
                off = np.log2(residual[b] / Sb[b]) - self.trust[b]
                self.trust[b] = np.clip(self.trust[b] + 0.12 * (0.3 * up if off > 0 else -0.7), -6, 0)


@pytest.mark.parametrize("noise_reduction_db", [0.0, 12.0])
def test_every_block_equals_the_plain_twin(noise_reduction_db):
    rng = np.random.default_rng(11)
    state, fft = residual_echo(RATE, B, noise_reduction_db), real_fft(2 * B)
    twin, out, missed = ResidualTwin(noise_reduction_db), np.zeros(B, np.float32), np.zeros(144, np.float32)
    probabilities = []
    for n in range(260):
        loudness = 0.1 * (1 + np.sin(n / 9)) if n % 60 < 40 else 0.0
        y = (loudness * rng.standard_normal(B)).astype(np.float32)
        near = 0.3 if 130 < n < 170 else 0.0
        e = (0.05 * y + (1e-3 + near) * rng.standard_normal(B)).astype(np.float32)
        missed[: B + 1] = 0.01 * loudness**2 * B
        level = np.float32(3 * loudness)
        suppress_residual(state, fft, e, y, missed, level, False, True, out)
        expected = twin.block(e.astype(float), y.astype(float), missed[: B + 1].astype(float), float(level))
        assert np.abs(out - expected).max() < 2e-3 * max(np.abs(e).max(), 1e-3)
        assert state.verdict[NEAR] == pytest.approx(twin.p, abs=5e-3)
        probabilities.append(twin.p)
    assert max(probabilities) == 1.0  # the comparison has seen a talker
    assert min(probabilities) == 0.0  # and the lack of one
    assert np.allclose(state.leak[:32], twin.leak[:32], atol=0.05)
    assert np.allclose(state.usual, twin.usual, atol=5e-3)


@pytest.mark.parametrize(
    ("reduction_db", "least_db", "most_db"), [(0.0, -0.1, 0.1), (8.0, 7.0, 10.0), (12.0, 9.0, 13.0)]
)
def test_steady_noise_is_turned_down_by_about_what_was_asked_for(reduction_db, least_db, most_db):
    rng = np.random.default_rng(2)
    state, fft = residual_echo(RATE, B, reduction_db), real_fft(2 * B)
    silence, missed, out = np.zeros(B, np.float32), np.zeros(144, np.float32), np.zeros(B, np.float32)
    before = after = 0.0
    for n in range(600):
        noise = (0.01 * rng.standard_normal(B)).astype(np.float32)
        suppress_residual(state, fft, noise, silence, missed, np.float32(0), False, True, out)
        if n > 300:
            before, after = before + float(noise @ noise), after + float(out @ out)
    assert least_db <= 10 * np.log10(before / after) <= most_db


def test_level_is_told_in_steps_of_3_db_and_at_most_three():
    state, fft = residual_echo(RATE, B, 12.0), real_fft(2 * B)
    silence, missed, out = np.zeros(B, np.float32), np.zeros(144, np.float32), np.zeros(B, np.float32)
    for _ in range(1500):
        suppress_residual(state, fft, silence, silence, missed, np.float32(0.1), False, True, out)
    for factor, steps in ((2.0, 2.0), (0.5, -2.0), (10.0, 3.0)):
        suppress_residual(state, fft, silence, silence, missed, np.float32(0.1 * factor), False, False, out)
        assert state.verdict[LEVEL] == pytest.approx(steps, abs=0.1)
