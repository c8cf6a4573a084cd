"""The journal's protocol, as a journal would read it."""

import logging
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.logs import journal, sinks
from prhelper.logs.journal import Journal, stderr_is_journal


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.bind(str(tmp_path / "journal"))
        yield sock


@pytest.fixture
def connection(far_end: socket.socket) -> Iterator[Journal]:
    connection = Journal(far_end.getsockname())
    yield connection
    connection.close()


def test_plain_fields_are_lines(connection: Journal, far_end: socket.socket) -> None:
    connection.send({"MESSAGE": "hello", "PRIORITY": "6"})
    assert far_end.recv(4096) == b"MESSAGE=hello\nPRIORITY=6\n"


def test_value_with_newlines_is_framed_by_its_length(connection: Journal, far_end: socket.socket) -> None:
    connection.send({"MESSAGE": "a\nb"})
    assert far_end.recv(4096) == b"MESSAGE\n" + struct.pack("<Q", 3) + b"a\nb\n"


def test_entry_too_large_for_a_datagram_goes_as_a_file(connection: Journal, far_end: socket.socket) -> None:
    connection.send({"MESSAGE": "x" * 5_000_000})
    _, fds, _, _ = socket.recv_fds(far_end, 16, 1)
    with os.fdopen(fds[0], "rb") as file:
        assert os.pread(file.fileno(), 6_000_000, 0) == b"MESSAGE=" + b"x" * 5_000_000 + b"\n"


def test_journal_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Journal(str(tmp_path / "nothing"))


def test_journal_that_was_restarted_is_found_again(connection: Journal, far_end: socket.socket) -> None:
    path = far_end.getsockname()
    far_end.close()
    with pytest.raises(ConnectionRefusedError):
        connection.send({"MESSAGE": "lost"})
    Path(path).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(path)
        connection.send({"MESSAGE": "hello"})
        assert again.recv(4096) == b"MESSAGE=hello\n"


def test_record_carries_priority_and_fields(
    far_end: socket.socket, connection: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "Journal", lambda: connection)
    record = logging.LogRecord("prhelper", logging.WARNING, "", 0, "text", None, None, "function")
    record.fields = {"client_pid": "7"}
    sinks.JournalSink().write(record)
    assert far_end.recv(4096).split(b"\n")[:-1] == [
        b"MESSAGE=text",
        b"PRIORITY=4",
        b"SYSLOG_IDENTIFIER=prhelper",
        b"CODE_FUNC=function",
        b"PRHELPER_CLIENT_PID=7",
    ]


def test_record_without_a_caller_names_none(
    far_end: socket.socket, connection: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "Journal", lambda: connection)
    sinks.JournalSink().write(logging.LogRecord("prhelper", logging.WARNING, "", 0, "text", None, None))
    assert b"CODE_FUNC" not in far_end.recv(4096)


@pytest.mark.parametrize("stream", [None, "", "1:2", "nonsense"])
def test_stderr_is_not_taken_for_the_journal_without_proof(stream: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if stream is None:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    else:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    assert not stderr_is_journal()


def test_stderr_is_the_journal_if_its_inode_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert journal.stderr_is_journal()
