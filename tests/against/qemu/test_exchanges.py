"""Every exchange of exchanges.py, held with both helpers: the same bytes come back, then the same end.

What an exchange comes to is the bytes received up to the end of the connection. So that "the connection stays" shows in
them, a well-formed command follows, and only then our side is shut down. Fed in three ways: whole, byte
by byte, and with a tail, the first bytes of a next request glued to the last message.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from ...support.fake_device import Answer
from ...support.spc import reserve_in
from .exchanges import EXCHANGES, READ_ONLY_OUT, End, Exchange, Message
from .pair import Pair

Feed = Callable[[Sequence[Message]], list[Message]]

PROBE = Message(reserve_in(0, 16), ("null",))

ANSWERS = {"good": Answer(resid=8192 - 24), "no_scsi_device": Answer(error=errno.ENOTTY)}

SENSE_OF_A_READ_ONLY_OUT = slice(4 + 8 + 18, 4 + 8 + 96)
"""Of what comes back: the bytes behind the sense, which the C helper leaves as it finds them."""


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    directory = tmp_path_factory.mktemp("descriptors")
    file = directory / "file"
    file.touch()
    opened = {
        "null": os.open("/dev/null", os.O_RDWR),
        "null read-only": os.open("/dev/null", os.O_RDONLY),
        "file": os.open(file, os.O_RDWR),
        "file read-only": os.open(file, os.O_RDONLY),
        "directory": os.open(directory, os.O_RDONLY | os.O_DIRECTORY),
        "socket": socket.socket(socket.AF_UNIX).detach(),
    }
    yield opened
    for fd in opened.values():
        os.close(fd)


def whole(messages: Sequence[Message]) -> list[Message]:
    return list(messages)


def byte_by_byte(messages: Sequence[Message]) -> list[Message]:
    return [
        Message(bytes([byte]), () if position else message.fds)
        for message in messages
        for position, byte in enumerate(message.data)
    ]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("feed", [whole, byte_by_byte])
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_both_send_the_same_and_end_or_keep_the_connection_alike(
    pair: Pair, descriptors: Mapping[str, int], exchange: Exchange, feed: Feed, answer: str
) -> None:
    probe = [] if exchange.end is End.UNFINISHED else [PROBE]
    messages = feed([*exchange.script(), *probe])
    received = _hold_with_both(pair, ANSWERS[answer], messages, descriptors)
    assert_alike(exchange, *received)
    assert len(split(received[1])) == exchange.replies + (exchange.end is End.STAYS)


@pytest.mark.parametrize("exchange", [e for e in EXCHANGES if e.script()], ids=lambda exchange: exchange.name)
def test_a_tail_without_a_rest_changes_no_reply(pair: Pair, descriptors: Mapping[str, int], exchange: Exchange) -> None:
    *messages, last = exchange.script()
    tail = b"" if exchange.end is End.UNFINISHED else PROBE.data[:5]
    messages.append(Message(last.data + tail, last.fds))
    received = _hold_with_both(pair, ANSWERS["good"], messages, descriptors)
    assert_alike(exchange, *received)
    assert len(split(received[1])) == exchange.replies


def assert_alike(exchange: Exchange, theirs: bytes, ours: bytes) -> None:
    if exchange.name == READ_ONLY_OUT:
        theirs, ours = map(_without_what_follows_the_sense, (theirs, ours))
    assert ours == theirs


def split(received: bytes) -> list[bytes]:
    """The responses in what came back; the features come first."""
    assert received[:4] == bytes(4)
    responses = []
    rest = received[4:]
    while rest:
        size = 8 + 96 + int.from_bytes(rest[4:8])
        assert len(rest) >= size, "a response is cut off"
        responses.append(rest[:size])
        rest = rest[size:]
    return responses


def _without_what_follows_the_sense(received: bytes) -> bytes:
    return received[: SENSE_OF_A_READ_ONLY_OUT.start] + received[SENSE_OF_A_READ_ONLY_OUT.stop :]


def _hold_with_both(
    pair: Pair, answer: Answer, messages: Sequence[Message], descriptors: Mapping[str, int]
) -> tuple[bytes, bytes]:
    pair.set(answer)
    script = [(message.data, [descriptors[name] for name in message.fds]) for message in messages]
    return pair.theirs.hold_exchange(script), pair.ours.hold_exchange(script)
