"""What the old one answers to the new one: an offer, a refusal, or nothing that is either."""

import json

import pytest

from prhelper.handover import message, offer
from prhelper.handover.message import HandoverError
from prhelper.handover.offer import Offer, RefusedError, decode, encode, encode_refusal

MADE = Offer(4711, "helper", ["socket", "pidfile"])


def test_an_offer_is_read_again() -> None:
    assert decode(encode(MADE)) == MADE


def test_a_refusal_says_why_on_one_line() -> None:
    with pytest.raises(RefusedError, match=r"^no such luck$"):
        decode(encode_refusal("no such\n luck"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"prhelper_replace": 2}, "another version"),
        ({"handover": message.VERSION + 1}, "another version"),
        ({"pid": "4711"}, "does not know of --replace"),
        ({"pid": True}, "does not know of --replace"),
        ({"names": "socket"}, "does not know of --replace"),
        ({"names": ["pidfile"]}, "does not know of --replace"),
        ({"names": [["socket"]]}, "does not know of --replace"),
    ],
)
def test_what_is_not_exactly_an_offer_is_none(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(HandoverError, match=reason):
        decode(json.dumps(json.loads(encode(MADE)) | changed).encode())


@pytest.mark.parametrize("data", [b"", bytes(4), b"{}", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_another_program_says_is_none(data: bytes) -> None:
    with pytest.raises(HandoverError):
        decode(data)


def test_names_are_told_from_those_of_clients() -> None:
    assert offer.REPLACES.startswith(b"\0")
