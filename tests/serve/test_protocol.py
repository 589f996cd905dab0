"""Lines in, lines out: what can be read, and that nothing else can make the reader fail."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.modes import Category, Mode
from firmware_py.serve import protocol as p


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (b"",                                                  "malformed",    "not JSON"),
        (b"hello",                                             "malformed",    "not JSON"),
        (b'{"id": 1, "op": "hello"',                           "malformed",    "not JSON"),
        (b"\xff\xfe\x00\x01",                                  "malformed",    "not JSON"),
        (b"[" * 60_000,                                        "malformed",    "not JSON"),
        (b"[1, 2]",                                            "malformed",    "a request is an object"),
        (b"null",                                              "malformed",    "a request is an object"),
        (b'{"op": "hello"}',                                   "malformed",    'has an "id"'),
        (b'{"id": 1}',                                         "malformed",    'has an "op"'),
        (b'{"id": 1, "op": 7}',                                "malformed",    'has an "op"'),
        (b'{"id": true, "op": "hello"}',                       "malformed",    "int | str"),
        (b'{"id": 1.5, "op": "hello"}',                        "malformed",    "int | str"),
        (b'{"id": [1], "op": "hello"}',                        "malformed",    "int | str"),
        (b'{"id": 1, "op": "session.activte", "name": "a"}',   "unknown-name", "did you mean 'session.activate'"),
        (b'{"id": 1, "op": "session.get", "nmae": "a"}',       "malformed",    "did you mean 'name'?"),
        (b'{"id": 1, "op": "session.get"}',                    "malformed",    "missing required field `name`"),
        (b'{"id": 1, "op": "session.get", "name": 1}',         "malformed",    "$.name"),
        (b'{"id": 1, "op": "session.get", "name": ""}',        "malformed",    "$.name"),
        (b'{"id": 1, "op": "session.get", "name": "a\\nb"}',   "malformed",    "$.name"),
        (b'{"id": 1, "op": "plug", "port": "x", "present": 1}', "malformed",   "$.present"),
        (b'{"id": 1, "op": "session.create", "name": "a", "priority": 1e9}', "malformed", "$.priority"),
        (b'{"id": 1, "op": "session.create", "name": "a", "profile": "osx"}', "malformed", "$.profile"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else None,
)  # fmt: skip
def test_a_line_that_is_no_request_is_refused_with_a_reason(line, code, says):
    spoken = p.read_request(line)
    assert spoken.request is None
    assert spoken.refusal is not None
    assert spoken.refusal.code == code
    assert says in spoken.refusal.message


def test_a_refusal_has_the_id_of_its_request_whenever_that_could_be_read():
    assert p.read_request(b'{"id": "mine", "op": "nothing"}').id == "mine"
    assert p.read_request(b'{"id": {}, "op": "hello"}').id is None


@pytest.mark.parametrize("op", p.OPS)
def test_every_op_is_read_as_its_own_type(op):
    fields = {"name": "a", "port": "headphones", "present": True}
    known = set(p.OPS[op].__struct_fields__)
    given = {"id": 1, "op": op, **{name: value for name, value in fields.items() if name in known}}
    assert type(p.read_request(json.dumps(given).encode()).request) is p.OPS[op]


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"id": text, "op": text}).encode()))
def test_whatever_is_said_is_answered_with_one_line_of_json(line):
    spoken = p.read_request(line)
    answer = p.refusal_line(spoken.id, spoken.refusal) if spoken.refusal else p.answer_line(spoken.id, {})
    assert answer.count(b"\n") == 1
    assert json.loads(answer)["id"] == spoken.id


def test_a_refusal_of_a_long_line_is_short():
    spoken = p.read_request(
        json.dumps({"id": 1, "op": "session.create", "name": "a", "profile": "x" * 60_000}).encode()
    )
    assert spoken.refusal is not None
    assert len(p.refusal_line(1, spoken.refusal)) < 2000


@pytest.mark.parametrize(
    "event",
    [
        p.InterruptionEvent(session="music", state="end", should_resume=True),
        p.StateEvent(session="music", state="active"),
        p.PropertyEvent(session="music", property="input_gain_scalar", value=0.25),
        p.RouteEvent(session="a", reason="override", previous={"input": None}, current={"input": "microphone"}),
        p.ModeEvent(category="playAndRecord", requested="voiceChat", effective="voiceChat"),
        p.FaultEvent(message=None),
        p.DroppedEvent(count=3),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_comes_back_as_it_went(event):
    assert p.read_event(p.event_line(event)) == event


def test_the_examples_of_the_description_are_what_is_spoken():
    examples = [line.strip() for line in (p.__doc__ or "").splitlines() if line.strip().startswith("{")]
    whole = [line for line in examples if "..." not in line or '"..."' in line]
    assert len(whole) >= 10
    for line in whole:
        said = json.loads(line)
        if "op" in said:
            assert p.read_request(line.encode()).request is not None, line
        elif "event" in said:
            assert p.read_event(line.encode()), line


def test_names_are_found_however_they_are_capitalised():
    assert p.named(Mode, "VOICECHAT") is Mode.VOICE_CHAT
    assert p.named(Category, "PlayAndRecord") is Category.PLAY_AND_RECORD
    with pytest.raises(LookupError, match="did you mean 'gameChat'"):
        p.named(Mode, "gamechatt")


def test_an_event_of_a_later_version_is_told_from_one_of_ours():
    with pytest.raises(msgspec.ValidationError):
        p.read_event(b'{"event": "weather", "session": null}')
