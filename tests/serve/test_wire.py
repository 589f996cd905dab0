"""What a socket may be told by whoever has it: every rubbish is answered, and nothing ends the server."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import Wire

from firmware_py.serve.protocol import LINE_BYTES, OPS


def test_the_greeting_says_who_is_there_and_what_is_spoken(server, wire):
    greeting = wire.ask("hello")
    assert greeting["board"] == "virtual:respeaker-2mic-v1"
    assert (greeting["protocol"], greeting["virtual"], greeting["pid"]) == (1, True, server.process.pid)


def test_a_client_that_speaks_another_version_is_refused(wire):
    assert wire.error("hello", protocol=2) == ("impossible", "protocol 1 is spoken here, not 2")


def test_answers_come_in_the_order_of_the_requests(wire):
    wire.say(*(b'{"id": %d, "op": "boards"}\n' % number for number in range(200)))
    assert [wire.hear()["id"] for _ in range(200)] == list(range(200))


@pytest.mark.parametrize(
    "line",
    [b"", b"hello", b"{", b"\x00\xff\x1b[2J", b"[]", b"[" * 60_000, b'{"id": 1}', b'{"id": "\\ud800", "op": "hello"}'],
    ids=lambda line: repr(line[:10]),
)
def test_a_line_that_is_no_request_is_answered_and_the_connection_goes_on(wire, line):
    wire.say(line + b"\n")
    assert wire.hear()["error"]["code"] == "malformed"
    assert wire.ask("hello")["ok"]


@pytest.mark.parametrize(
    ("op", "fields", "code", "says"),
    [
        ("helo",             {},                                        "unknown-name", "did you mean 'hello'"),
        ("session.get",      {"name": "devise"},                        "unknown-name", "did you mean 'device'"),
        ("session.create",   {"name": "a", "mode": "VoiceCat"},         "unknown-name", "did you mean 'voiceChat'"),
        ("session.create",   {"name": "a", "category": "playback"},     "unknown-name", "mediaPlayback"),
        ("session.create",   {"name": "a", "loud": True},               "malformed",    "no field 'loud'"),
        ("session.create",   {"name": "a\nb"},                          "malformed",    "name"),
        ("session.create",   {"name": "device"},                        "init",         "already"),
        ("session.set",      {"name": "device", "input_gain": 0.5},     "!act",         "activate first"),
        ("session.create",   {"name": "a", "default_to_speaker": True}, "?cat",         "playAndRecord"),
        ("plug",             {"port": "microphon", "present": True},    "unknown-name", "did you mean 'microphone'"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_is_refused_with_a_code_and_a_sentence(wire, op, fields, code, says):
    refused, message = wire.error(op, **fields)
    assert refused == code
    assert says in message


def test_the_longest_line_is_read_and_a_longer_one_ends_the_connection(wire, path):
    longest = json.dumps({"id": 1, "op": "x" * (LINE_BYTES - 100)}).encode()
    wire.say(longest.ljust(LINE_BYTES), b"\n")
    assert wire.hear()["error"]["code"] == "unknown-name"
    wire.say(b"x" * (4 * LINE_BYTES))
    assert wire.hear()["error"]["code"] == "too-long"
    assert wire.hear() is None
    with Wire(path) as another:
        assert another.ask("hello")["ok"]


def test_half_a_line_is_answered_when_no_more_comes(wire):
    wire.say(b'{"id": 1, "op": "hel')
    wire.socket.shutdown(1)
    assert "no end" in wire.hear()["error"]["message"]
    assert wire.hear() is None


def test_a_request_that_comes_in_pieces_is_one_request(wire):
    for byte in b'{"id": 1, "op": "hello"}\n':
        wire.say(bytes([byte]))
    assert wire.hear()["ok"]


def test_one_client_cannot_make_sessions_without_end(wire):
    made = 0
    while (answer := wire.ask("session.create", name=f"session {made}"))["ok"]:
        made += 1
        assert made < 100
    assert answer["error"]["code"] == "impossible"


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
requests = st.fixed_dictionaries(
    {"id": values, "op": st.sampled_from(sorted(OPS)) | st.text(max_size=20)},
    optional={
        "name": st.sampled_from(["a", "b", "c"]) | values,
        "priority": values,
        "category": st.sampled_from(["playAndRecord", "mediaPlayback"]) | values,
        "mode": st.sampled_from(["voiceChat", "Measurement"]) | values,
        "mix_with_others": values,
        "preferred_rate_hz": values,
        "preferred_buffer_s": values,
        "input_gain": values,
        "notify_others": values,
        "port": st.just("headphones") | values,
        "present": values,
        "protocol": values,
        "x": values,
    },
).map(lambda request: json.dumps(request).encode())
lines = requests | st.binary(max_size=100).map(lambda line: line.replace(b"\n", b" "))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lines, min_size=1, max_size=8))
def test_whatever_is_said_every_line_has_one_answer_and_the_server_lives(path, said):
    with Wire(path) as wire:
        wire.say(*(line + b"\n" for line in said))
        answers = 0
        while answers < len(said):
            heard = wire.hear()
            assert heard is not None
            assert heard.get("error", {}).get("code") != "internal", heard
            answers += "event" not in heard
        assert wire.ask("plug", port="headphones", present=False)["ok"]
