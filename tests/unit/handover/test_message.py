"""What is said of connections that are handed over, and what a reader refuses."""

import json
from typing import Any

import pytest

from prhelper.handover.message import VERSION, Connection, HandoverError, Message, decode, encode

REST = Connection(3, 17, 5.5, 0, b"", False, None, 4711, 107, 991, "qemu", "machine-a.scope")
BEGUN = Connection(4, 0, 6.5, 0, b"\x5f\x00\xff", True, 12.5, 4712, 107, 992, 'a "name"', "user 107")
NEGOTIATING = Connection(5, 0, 7.5, None, b"\0", False, 13.25, 0, 0, 0, "", "user 0")


def fields(**changed: Any) -> bytes:
    """A message with one connection, some fields of either changed."""
    whole = json.loads(encode(Message(9, 100, [BEGUN])))
    of_connection = whole["connections"][0]
    for name, value in changed.items():
        where = of_connection if name in of_connection or name == "more" else whole
        where[name] = value
    return json.dumps(whole).encode()


@pytest.mark.parametrize("connections", [[], [REST], [REST, BEGUN, NEGOTIATING]], ids=len)
def test_what_was_said_is_read_again(connections: list[Connection]) -> None:
    assert decode(encode(Message(9, 100, connections))) == Message(9, 100, connections)


def test_each_connection_says_how_many_descriptors_are_its_own() -> None:
    assert [one.descriptors for one in (REST, BEGUN, NEGOTIATING)] == [1, 2, 1]


@pytest.mark.parametrize("version", [VERSION + 1, 0, "1", None])
def test_another_version_is_refused_and_named(version: Any) -> None:
    with pytest.raises(HandoverError, match=f"version {version} of the format, and this prhelper knows {VERSION}"):
        decode(fields(prhelper_handover=version))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no handover"),
        (b"{}", "no handover"),
        (fields(extra=1), "the message does not have the fields"),
        (fields(more=1), "a connection does not have the fields"),
        (fields(accepted=-1), "wrong accepted"),
        (fields(answered=True), "wrong answered"),
        (fields(connections={}), "wrong connections"),
        (fields(connections=[1]), "a connection does not have"),
        (fields(number="4"), "wrong number"),
        (fields(commands=2**64), "wrong commands"),
        (fields(connected_at=1), "wrong connected_at"),
        (fields(agreed=-1), "wrong agreed"),
        (fields(begun="0"), "wrong begun"),
        (fields(begun="zz"), "wrong begun"),
        (fields(begun=None), "wrong begun"),
        (fields(device=1), "wrong device"),
        (fields(deadline="soon"), "wrong deadline"),
        (fields(pid=1.5), "wrong pid"),
        (fields(uid=None), "wrong uid"),
        (fields(started=-1), "wrong started"),
        (fields(name=1), "wrong name"),
        (fields(account=[]), "wrong account"),
    ],
)
def test_what_is_not_exactly_a_message_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(HandoverError, match=reason):
        decode(data)
