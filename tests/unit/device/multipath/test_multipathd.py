"""Requests of multipathd, and what becomes of them where it is slow, gone, or not itself.

A server of our own stands in for it here, on a real socket. The real one is asked in tests/kernel.
"""

import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from prhelper.device.multipath.multipathd import MAX_REPLY, PAUSE, Multipathd, Reply

from ....support.multipathd_stand_in import Answer, hold_until_hung_up, message, pieces, serving

LATE = "multipathd does not answer in time"
ENDED = "multipathd ended the connection without a reply"
US = os.getuid()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "multipathd.socket")


@pytest.fixture
def abstract() -> str:
    return f"\0prhelper/test/{os.getpid()}"


def ask(address: str, answer: Answer, patience: float = 30.0) -> Reply:
    with serving(address, answer):
        return Multipathd((address,), patience, US).request("getprkey map dm-0")


def test_request_is_sent_as_multipathd_reads_it(path: str) -> None:
    with serving(path, pieces(message(b"ok\n"))) as server:
        multipathd = Multipathd((path,), uid=US)
        assert multipathd.request("setprkey map dm-0 key 0xa") == Reply("ok")
        assert multipathd.request("setprstatus map dm-0") == Reply("ok")
    assert server.requests == [b"setprkey map dm-0 key 0xa\0", b"setprstatus map dm-0\0"]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"0xaaaa0001:aptpl\n", "0xaaaa0001:aptpl"),
        (b"none\n", "none"),
        (b"1", "1"),
        (b"fail\ndevice not found\n", "fail\ndevice not found"),
        (b"fail\n", "fail"),
        (b"", ""),
        (b"a\xffb\n", "a\ufffdb"),
        (b"x" * (MAX_REPLY - 1), "x" * (MAX_REPLY - 1)),
    ],
)
def test_reply_comes_without_its_newline(path: str, reply: bytes, text: str) -> None:
    assert ask(path, pieces(message(reply))) == Reply(text)


@pytest.mark.parametrize("at", range(1, len(message(b"none\n"))))
def test_reply_may_come_in_pieces(path: str, at: int) -> None:
    whole = message(b"none\n")
    assert ask(path, pieces(whole[:at], whole[at:])) == Reply("none")


def test_reply_may_come_byte_by_byte(path: str) -> None:
    assert ask(path, pieces(*(bytes([byte]) for byte in message(b"none\n")))) == Reply("none")


@pytest.mark.parametrize("size", range(len(message(b"none\n"))))
def test_torn_reply_is_none(path: str, size: int) -> None:
    assert ask(path, pieces(message(b"none\n")[:size])) == Reply("", ENDED)


@pytest.mark.parametrize("size", [0, MAX_REPLY + 1, 2**64 - 1])
def test_reply_of_an_impossible_size_is_not_read(path: str, size: int) -> None:
    trouble = f"multipathd's reply makes no sense: it has {size} bytes"
    assert ask(path, pieces(struct.pack("@N", size))) == Reply("", trouble)


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (b"permission deny: need to be root\n", "multipathd serves uid 0 only, which this process is not"),
        (b"fail\npermission deny: need to be root\n", "multipathd serves uid 0 only, which this process is not"),
        (b"timeout\n", LATE),
        (b"fail\ntimeout\n", LATE),
    ],
)
def test_refusal_that_has_nothing_to_do_with_the_request_is_a_trouble(path: str, reply: bytes, trouble: str) -> None:
    assert ask(path, pieces(message(reply))) == Reply(reply.decode().rstrip(), trouble)


# Late


@pytest.mark.parametrize("begun", [b"", message(b"none\n")[:5], message(b"none\n")[:10]])
def test_reply_that_does_not_come_is_not_waited_for_for_ever(path: str, begun: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(begun)
        hold_until_hung_up(connection)

    assert ask(path, answer, patience=0.05) == Reply("", LATE)


class Clock:
    """A clock that is set by hand; each look at it takes `step` seconds."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 1000.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_patience_is_for_the_whole_reply_and_not_for_each_piece(path: str) -> None:
    answer = pieces(*(bytes([byte]) for byte in message(b"none\n")))
    with serving(path, answer):
        assert Multipathd((path,), 4.5, US, Clock(step=1.0)).request("getprkey map dm-0") == Reply("", LATE)
        assert Multipathd((path,), 4.5, US, Clock(step=0.1)).request("getprkey map dm-0") == Reply("none")


def test_late_multipathd_is_left_alone_for_a_while(path: str) -> None:
    clock, replies = Clock(), iter([b"timeout\n", b"ok\n"])
    with serving(path, lambda connection: connection.sendall(message(next(replies)))) as server:
        multipathd = Multipathd((path,), uid=US, clock=clock)
        assert multipathd.request("1") == Reply("timeout", LATE)
        assert multipathd.request("2") == Reply("", LATE)
        clock.now += PAUSE - 0.001
        assert multipathd.request("3") == Reply("", LATE)
        clock.now += 0.001
        assert multipathd.request("4") == Reply("ok")
    assert server.requests == [b"1\0", b"4\0"]


def test_multipathd_that_accepts_no_more_connections_is_late(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        assert Multipathd((path,), uid=US).request("getprkey map dm-0") == Reply("", LATE)


# Gone, or somebody else


def test_abstract_address_is_tried_where_nothing_listens_at_the_path(path: str, abstract: str) -> None:
    with serving(abstract, pieces(message(b"ok\n"))):
        assert Multipathd((path, abstract), uid=US).request("setprstatus map dm-0") == Reply("ok")


def test_path_is_tried_first(path: str, abstract: str) -> None:
    with serving(path, pieces(message(b"path\n"))), serving(abstract, pieces(message(b"abstract\n"))):
        assert Multipathd((path, abstract), uid=US).request("getprkey map dm-0") == Reply("path")


def test_trouble_says_where_it_was_looked_for(path: str, abstract: str) -> None:
    trouble = f"multipathd cannot be reached ({path}: No such file or directory, @{abstract[1:]}: Connection refused)"
    assert Multipathd((path, abstract), uid=US).request("getprkey map dm-0") == Reply("", trouble)


def test_another_user_at_the_address_is_not_asked(abstract: str) -> None:
    with serving(abstract, pieces(message(b"ok\n"))) as server:
        reply = Multipathd((abstract,), uid=US + 1).request("getprkey map dm-0")
    name = f"@{abstract[1:]}"
    assert reply == Reply("", f"multipathd cannot be reached ({name}: uid {US} listens there, not {US + 1})")
    assert server.requests == []


def test_reset_connection_is_a_trouble(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        reply = Multipathd((path,), uid=US).request("x" * 4_000_000)
        thread.join()
    assert reply.text == ""
    assert reply.trouble is not None
    assert reply.trouble.startswith("multipathd cannot be asked (")


def test_process_without_descriptors_has_a_trouble(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    trouble = "multipathd cannot be asked (Too many open files)"
    assert Multipathd((path,), uid=US).request("getprkey map dm-0") == Reply("", trouble)
