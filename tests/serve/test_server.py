"""A server's life: who may reach it, that there is one, what it leaves behind, and that it answers while a codec waits."""

import asyncio
import errno
import grp
import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import BOARD, PATIENCE_S, Served, Wire

from firmware_py.cli import main
from firmware_py.device import Device
from firmware_py.errors import PcmError
from firmware_py.hardware import open_device
from firmware_py.serve import Client, NoServer
from firmware_py.serve.place import listening, socket_candidates, socket_path
from firmware_py.serve.server import Server


def test_the_socket_is_closed_to_others_and_given_to_the_group(path):
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o660
    if os.getuid() == 0 and "audio" in [group.gr_name for group in grp.getgrall()]:
        assert grp.getgrgid(status.st_gid).gr_name == "audio"


def test_a_second_server_is_refused_in_one_sentence_that_names_the_first(server, capsys):
    assert main(["serve", "--board", BOARD, "--socket", str(server.path)]) == 3
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"audiohat: {BOARD} is served already, by process {server.process.pid};")
    with Client(server.path) as client:
        assert client.server_pid == server.process.pid


def test_what_a_killed_server_left_is_taken_over_and_an_interrupted_one_leaves_nothing(tmp_path):
    path = tmp_path / "board.sock"
    Served(path).end(signal.SIGKILL)
    assert path.exists()
    with pytest.raises(NoServer, match="no server runs"):
        Client(path)
    served = Served(path)
    with Client(path) as client:
        client.session("call", category="playAndRecord", mode="voiceChat").activate()
        assert served.end(signal.SIGINT) == 5
        assert list(client.events(PATIENCE_S))[-1].session == "call"  # and then they end
        with pytest.raises(NoServer, match="has gone"):
            client.status()
    assert "is silent and has no power" in served.said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("board", "code", "says"),
    [
        ("respeaker-2mic-v1",         3, "use the simulated one: --board virtual:respeaker-2mic-v1"),
        ("virtual:respeaker-2mic-v3", 2, "did you mean 'respeaker-2mic-v"),
        ("vitrual:respeaker-2mic-v1", 2, "did you mean 'virtual'"),
    ],
)  # fmt: skip
def test_a_board_that_cannot_be_served_is_refused_in_one_sentence(tmp_path, capsys, board, code, says):
    assert main(["serve", "--board", board, "--socket", str(tmp_path / "board.sock")]) == code
    said = capsys.readouterr().err
    assert says in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_socket_is_not_taken_away(tmp_path):
    path = tmp_path / "letter"
    path.write_text("dear")
    with pytest.raises(PcmError, match="is no socket"), listening(path, BOARD):
        pass
    assert path.read_text() == "dear"


def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(PcmError, match="at most 107 bytes"), listening(tmp_path / ("x" * 108), BOARD):
        pass


def test_the_lock_of_a_place_is_free_again_and_gone_after_use(tmp_path):
    for _ in range(3):
        with listening(tmp_path / "board.sock", BOARD):
            with pytest.raises(PcmError, match=f"by process {os.getpid()}"), listening(tmp_path / "board.sock", BOARD):
                pass
            assert (tmp_path / "board.sock").is_socket()
        assert list(tmp_path.iterdir()) == []


def test_a_place_is_found_by_server_and_client_alike(monkeypatch, tmp_path):
    monkeypatch.delenv("AUDIOHAT_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_path(BOARD).name == "virtual-respeaker-2mic-v1.sock"
    assert socket_path(BOARD) in socket_candidates(BOARD)
    monkeypatch.setenv("AUDIOHAT_SOCKET", str(tmp_path / "given.sock"))
    assert socket_path(BOARD) == tmp_path / "given.sock"
    assert socket_candidates(BOARD) == socket_candidates(None) == [tmp_path / "given.sock"]


def test_a_client_without_a_server_says_how_to_start_one(tmp_path):
    with pytest.raises(NoServer, match="audiohat serve --board virtual:x"):
        Client(tmp_path / "nobody.sock", board="virtual:x")


@contextmanager
def serving(device: Device, path: Path) -> Iterator[list[str]]:
    """A server in this process; what it would say on stderr."""
    said: list[str] = []
    with listening(path, BOARD) as (listener, _):
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        server = Server(device, BOARD, said.append)
        thread = threading.Thread(target=loop.run_until_complete, args=[server.run(listener, stop)])
        thread.start()
        try:
            yield said
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def test_another_client_is_answered_while_a_codec_waits(tmp_path):
    """The codec's first pause lasts until the test ends it."""
    device = open_device(BOARD)
    waits, go_on = threading.Event(), threading.Event()
    sleep = device.stage.codec.sleep

    def held(seconds: float) -> None:
        waits.set()
        go_on.wait(PATIENCE_S)
        sleep(seconds)

    device.stage.codec.sleep = held
    path = tmp_path / "board.sock"
    with serving(device, path), Wire(path) as waiting, Wire(path) as other:
        waiting.say(b'{"id": 1, "op": "session.activate", "name": "device"}\n')
        assert waits.wait(PATIENCE_S)
        assert other.ask("status")["sounding"] is False
        go_on.set()
        assert waiting.hear()["state"] == "active"
    assert device.stage.codec.applied.sequence == "off"


def test_a_codec_that_does_not_answer_is_a_fault_until_it_does(tmp_path):
    device, path = open_device(BOARD), tmp_path / "board.sock"
    bus, device.stage.codec.bus = device.stage.codec.bus, DeadBus()
    with serving(device, path) as said, Wire(path) as wire, Wire(path) as watcher:
        assert watcher.ask("watch")["ok"]
        code, message = wire.error("session.activate", name="device")
        assert code == "what"
        assert "no acknowledge" in message
        fault = watcher.hear()
        assert (fault["event"], fault["session"]) == ("fault", None)
        assert "no acknowledge" in wire.ask("status")["fault"]
        device.stage.codec.bus = bus
        assert wire.ask("session.activate", name="device")["state"] == "active"
        assert wire.ask("status")["fault"] is None
    assert [sentence.split(":")[0] for sentence in said] == ["fault", "the fault is over"]


def test_a_card_that_goes_while_it_sounds_is_told_unasked(tmp_path):
    device, path = open_device(BOARD), tmp_path / "board.sock"
    with serving(device, path), Wire(path) as wire, Wire(path) as watcher:
        assert wire.ask("session.activate", name="device")["ok"]
        assert watcher.ask("watch")["ok"]
        device.pcm.close()
        event = watcher.hear()
        if event["event"] == "fault":  # it is looked for now and then: it may be seen before, after, or be over already
            assert (event["session"], "the sound card stopped" in event["message"]) == ("device", True)
            event = watcher.hear()
        assert (event["event"], event["session"]) == ("interruption", "device")
        assert wire.ask("session.deactivate", name="device")["state"] == "inactive"


class DeadBus:
    """No chip answers."""

    def write(self, address: int, data: bytes) -> None:
        raise OSError(errno.EREMOTEIO, "no acknowledge")

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        raise OSError(errno.EREMOTEIO, "no acknowledge")
