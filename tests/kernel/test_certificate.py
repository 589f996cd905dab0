"""The rows of a mode's certificate that a kernel's devices can answer: the button pressed, the bytes on the bus read by the
rig's own model of the chip, sound looped by the card. What needs a microphone, a room or volts is not tested here, and says so:
a cable returns all of the far end, so of the echo only what the canceller itself takes off is judged.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from devices import Header, Wire
from test_product import BOARD, BUTTON, CAPTURE, CODEC, PLAY

from firmware_py import Category, Mode, load_board
from firmware_py.bus import LinuxI2C
from firmware_py.device import Device
from firmware_py.pcm.alsa import AlsaPcm
from firmware_py.pins import GpioPins
from hil.analysis import erle_db, latency_frames
from hil.bench.promise import Asked, mismatches
from hil.contracts import CONTRACTS
from hil.limits import limits_of
from hil.measurement import Measurement
from hil.sim.hats import HATS
from hil.sim.wm8960 import Wm8960
from hil.stimulus import composite_source
from hil.voices import Voices

NEEDS = {
    "mic_bias": "volts", "sensitivity": "a microphone", "channel_difference": "a microphone", "flatness": "a codec's converters",
    "high_pass": "a codec's converters", "low_end": "a codec's converters", "dc_offset": "a codec's converters",
    "soft_gain": "a talker", "agc": "a talker", "near_talker": "a talker", "cold_talk": "a talker", "double_talk": "a talker",
    "latency_with": "a talker", "added_latency": "a talker", "thd": "a codec's converters", "snr": "a codec's converters",
}  # fmt: skip
"""Beginning of a row's name -> what it takes, which this bench has not."""


def needed_for(row: str) -> str:
    return next((what for name, what in NEEDS.items() if row.startswith(name)), "a room")


class Bench:
    """A board on the kernel's devices, its periods in this thread."""

    def __init__(self, folder: Path, wire: Wire, header: Header) -> None:
        (folder / "bench-hat.toml").write_text(BOARD)
        header.put(BUTTON, high=True)
        self.header, self.wire = header, wire
        board = load_board(str(folder / "bench-hat.toml"))
        self.bus, self.pins = LinuxI2C(board.i2c_bus), GpioPins(board)
        self.device = Device(board, bus=self.bus, pcm=AlsaPcm(PLAY, CAPTURE), pins=self.pins, threaded=False)
        wire.log()

    def press(self) -> None:
        for high in (False, True):
            self.header.put(BUTTON, high)
            time.sleep(0.1)
            self.device.panel.step()

    def converse(self, down: np.ndarray) -> np.ndarray:
        engine, profile = self.device.stage.engine, self.device.stage.profile
        whole = down[: len(down) // profile.period_frames * profile.period_frames]
        return engine.converse("device", np.repeat(whole[:, None], profile.channels, axis=1).astype(np.float32))[:, 0]

    def close(self) -> None:
        self.device.close()
        self.pins.close()
        self.bus.close()


@pytest.fixture
def bench(tmp_path: Path, plug: Callable[..., Wire], header: Header):
    bench = Bench(tmp_path, plug(write_only=[CODEC], stamps=True), header)
    yield bench
    bench.close()


def measure(bench: Bench, mode: Mode) -> dict[str, float]:
    """What this bench can say of the mode that is active."""
    stage = bench.device.stage
    rate, chip, last_us = stage.profile.rate_hz, Wm8960(mclk_hz=stage.board.mclk_hz), None
    for line in bench.wire.log():
        stamp, address, direction, *words = line.split()
        if (int(address, 16), direction) == (CODEC, "W"):
            chip.wait((int(stamp) - (last_us or int(stamp))) * 1e-6)  # as the product paused
            last_us = int(stamp)
            chip.write(CODEC, bytes.fromhex("".join(words)))
    chip.wait(0.1)
    values = {
        "register_mismatches": float(len(mismatches(chip.state(), Asked.of(stage, HATS["waveshare-wm8960"]), mode)))
    }
    bench.converse(np.zeros(rate // 2))  # while nobody read, the card has had an xrun
    if CONTRACTS[mode].cancels_echo:
        far = np.asarray(0.3 * Voices([], []).far(12.0, rate))
        up = bench.converse(far)
        settled = slice(5 * rate, None)
        values["erle_db"] = erle_db(far[: len(up)][settled], up[settled], rate)
        stage.engine.chain.echo.bypass(True)
    began = time.monotonic()
    frames = len(bench.converse(np.zeros(40 * rate)))
    values["sample_rate_ppm"] = (frames / (time.monotonic() - began) / rate - 1.0) * 1e6
    sound = 0.1 * composite_source(1.5, rate, seed=11)
    up = bench.converse(sound)
    values["latency_ms"] = 1e3 * latency_frames(sound[: len(up)], up, rate // 4).delay_frames / rate
    return values


@pytest.mark.parametrize("mode", list(Mode))
def test_the_rows_that_this_bench_can_answer_pass(bench, mode, record_property):
    bench.device.session.set_category(Category.PLAY_AND_RECORD, mode=mode)
    bench.press()
    assert bench.device.session.active
    values = measure(bench, mode)
    rows = [
        Measurement.of(limit, values[limit.name])
        if limit.name in values
        else Measurement.not_tested(limit, f"needs {needed_for(limit.name)}")
        for limit in limits_of(mode)
    ]
    for row in rows:
        record_property(row.title, row.note if row.value is None else f"{row.value:.4g} {row.unit} ({row.verdict})")
    assert [f"{row.title}: {row.value}" for row in rows if row.verdict == "fail"] == []
    assert sum(row.verdict == "pass" for row in rows) >= 3
    bench.press()
    assert not bench.device.session.active
