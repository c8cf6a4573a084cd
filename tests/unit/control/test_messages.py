"""Varlink's messages: calls as they arrive, replies as they are sent."""

import json

import pytest

from prhelper.control.messages import (
    MAX_CALL,
    Call,
    CallDecoder,
    CallError,
    NotVarlinkError,
    encoded,
    error_reply,
    list_reply,
    reply,
)

CALL = b'{"method":"a.b.C"}\0'


def decoded(*pieces: bytes) -> list[Call]:
    decoder = CallDecoder()
    calls = []
    for piece in pieces:
        decoder.feed(piece)
        while (call := decoder.next_call()) is not None:
            calls.append(call)
    return calls


@pytest.mark.parametrize(
    ("data", "call"),
    [
        (CALL, Call("a.b.C", {})),
        (b'{"method":"a.b.C","parameters":null}\0', Call("a.b.C", {})),
        (b'{"method":"a.b.C","parameters":{"x":[1]},"more":true}\0', Call("a.b.C", {"x": [1]}, more=True)),
        (b'{"method":"a.b.C","oneway":true,"more":null,"x":1}\0', Call("a.b.C", {}, oneway=True)),
        (b'{"method":"a.b.C","upgrade":true,"more":false}\0', Call("a.b.C", {}, upgrade=True)),
        ('{"method":"a.b.Ü"}\0'.encode(), Call("a.b.Ü", {})),
    ],
)
def test_a_call_arrives_whole_or_in_bytes_or_with_the_next(data: bytes, call: Call) -> None:
    assert decoded(data) == [call]
    assert decoded(*(bytes([byte]) for byte in data)) == [call]
    assert decoded(data + CALL + CALL[:5]) == [call, Call("a.b.C", {})]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rubbish",
        b"[]",
        b'"text"',
        b"{}",
        b'{"method":1}',
        b'{"method":"a.b.C","parameters":[]}',
        b'{"method":"a.b.C","more":"yes"}',
        b'{"method":"a.b.C","more":[1]}',
        b'{"method":"a.b.C"',
        b'{"method":"\xff"}',
        b"[" * 60_000,
        b'{"method":"a.b.C","parameters":{"x":' + b"9" * 60_000 + b"}}",
    ],
)
def test_what_is_no_call_is_refused(data: bytes) -> None:
    with pytest.raises(NotVarlinkError):
        decoded(data + b"\0")


def test_a_call_without_end_is_refused_once_it_is_too_long() -> None:
    decoder = CallDecoder()
    decoder.feed(b" " * (MAX_CALL - 1))
    assert (decoder.next_call(), decoder.room) == (None, 1)
    decoder.feed(b" ")
    with pytest.raises(NotVarlinkError, match=f"more than {MAX_CALL} bytes"):
        decoder.next_call()


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (reply({"x": 1}), {"parameters": {"x": 1}}),
        (reply({}, continues=True), {"parameters": {}, "continues": True}),
        (list_reply("xs", [], {}), {"parameters": {"xs": []}}),
        (list_reply("xs", [encoded({"x": 1}), encoded({})], {"n": 2}), {"parameters": {"xs": [{"x": 1}, {}], "n": 2}}),
        (error_reply(CallError("a.b.E", x="y\0")), {"error": "a.b.E", "parameters": {"x": "y\0"}}),
    ],
)
def test_a_reply_is_one_object_that_ends_with_a_zero(message: bytes, content: object) -> None:
    assert message.index(b"\0") == len(message) - 1
    assert json.loads(message[:-1]) == content
