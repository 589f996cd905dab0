"""The whole product on a real kernel's devices: the button is pressed, the session activates, registers are written on the bus,
audio loops, the LED lights. Nothing of ours is replaced; only the far sides of the devices are the bench's.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import enter
from devices import Header, Wire

from firmware_py import Category, Mode, load_board
from firmware_py.device import Device
from firmware_py.hardware import open_device

PLAY, CAPTURE = "hw:Loopback,0,0", "hw:Loopback,1,0"
BUTTON, LED = 17, 22
CODEC = 0x1A

BOARD = """
name = "bench-hat"
title = "A WM8960 on the kernel's own devices"
source = "invented"
codec = "wm8960"
i2c = { bus = 1, address = 0x1a }
mclk_hz = 24_000_000
clock_provider = "codec"
card = "Loopback"
overlay = "respeaker-2mic-v1"
[ports.microphone]
kind = "input"
type = "builtInMic"
set = { microphone = "on" }
needs_mic_bias = true
sensitivity_dbv = -38.0
[ports.speaker]
kind = "output"
type = "builtInSpeaker"
set = { speaker = "both" }
[[buttons]]
name = "user"
gpio = 17
active = "low"
pull = "up"
[[leds]]
name = "status"
gpio = 22
colour = "green"
"""


@pytest.fixture
def boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bench-hat.toml").write_text(BOARD)
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(tmp_path))
    return tmp_path


@pytest.fixture
def wire(plug: Callable[..., Wire]) -> Wire:
    return plug(write_only=[CODEC])


@pytest.fixture
def device(boards: Path, wire: Wire, header: Header) -> Iterator[Device]:
    header.put(BUTTON, high=True)
    device = open_device("bench-hat", playback=PLAY, capture=CAPTURE)
    device.session.set_category(Category.PLAY_AND_RECORD, mode=Mode.VOICE_CHAT)
    stop = threading.Event()
    threads = [
        threading.Thread(target=device.panel.run, args=(stop,)),
        threading.Thread(target=device.watch, args=(stop,)),
    ]
    for thread in threads:
        thread.start()
    yield device
    stop.set()
    for thread in threads:
        thread.join()
    device.close()


def press(header: Header) -> None:
    """A contact that bounces, as they do."""
    for high in (False, True, False, True, False):
        header.put(BUTTON, high)
        time.sleep(0.003)
    time.sleep(0.1)
    for high in (True, False, True):
        header.put(BUTTON, high)
        time.sleep(0.003)
    time.sleep(0.5)


def test_a_press_activates_writes_the_registers_sounds_and_lights_the_led(device, header, wire):
    wire.log()
    assert not header.level(LED)
    press(header)
    assert device.session.active
    assert header.level(LED)
    words = [line for line in wire.log() if line.startswith("1a W")]
    board = load_board("bench-hat")
    wanted = enter(board, Mode.VOICE_CHAT)
    wire_format = board.codec.map.wire
    assert [bytes.fromhex("".join(line.split()[2:])) for line in words] == [
        wire_format.write_bytes(write.register.address, write.word) for write in wanted.writes
    ]
    periods = device.stage.engine.statistics.periods
    time.sleep(1.0)
    assert device.stage.engine.statistics.periods - periods == pytest.approx(125, abs=3)


def test_sound_of_an_application_loops_and_its_echo_is_cancelled(device, header):
    press(header)
    engine, name = device.stage.engine, device.session.name
    line = engine.line(name)
    noise = (0.1 * np.random.default_rng(0).standard_normal((16_000 * 10, 1))).astype(np.float32)
    line.drain()
    up, sent = np.zeros((0, 1), np.float32), 0
    while sent < len(noise):
        sent += line.write(noise[sent : sent + 1600])
        time.sleep(0.1)
        up = np.concatenate([up, line.read(4000)])
    loss_db = 10 * np.log10(np.mean(noise**2) / (np.mean(up[-48_000:] ** 2) + 1e-20))
    assert loss_db > 30.0
    assert engine.statistics.erle_db > 20.0


def test_a_second_press_silences_and_takes_the_bias_away(device, header, wire):
    press(header)
    press(header)
    assert not device.session.active
    assert not header.level(LED)
    power_1 = [line for line in wire.log() if line.startswith("1a W 32") or line.startswith("1a W 33")]  # R25, 9 bits
    assert int(power_1[-1].split()[3], 16) & 0x02 == 0  # MICB


def test_a_hundred_presses_toggle_a_hundred_times(device, header):
    states = []
    for _ in range(100):
        press(header)
        states.append(device.session.active)
    assert states == [True, False] * 50


def test_a_chip_that_stops_answering_leaves_the_session_inactive_and_says_so_on_the_led(device, header, wire):
    wire.fail_next(1000, 121)
    press(header)
    assert not device.session.active
    assert "no acknowledge" in str(device.conductor.fault)
    wire.fail_next(0, 121)
    press(header)
    assert device.session.active


def test_the_server_serves_this_board_to_other_processes(boards, wire, header, tmp_path):
    header.put(BUTTON, high=True)
    socket = tmp_path / "hat.sock"
    audiohat = [sys.executable, "-m", "firmware_py"]
    server = subprocess.Popen(
        [*audiohat, "serve", "--board", "bench-hat", "--socket", str(socket), "--playback", PLAY, "--capture", CAPTURE],
        env={**os.environ}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for _ in range(600):
            if socket.exists():
                break
            time.sleep(0.1)
        time.sleep(2.0)
        press(header)
        asked = subprocess.run(
            [*audiohat, "session", "list", "--json", "--socket", str(socket)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert '"state":"active"' in asked.stdout.replace(" ", "")
        assert header.level(LED)
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0, said
    assert "Traceback" not in said
