"""Lines written to standard error, or to a file of traces, as its readers find them."""

import contextlib
import errno
import logging
import os
import threading

import pytest

from prhelper.logs.sinks import FileSink

LONG = "x" * 200_000
"""More than a pipe holds, so that it is written in parts."""


class Writes:
    """os.write, watched. `full` is set once a write found no room; `break_off` cuts the next one short, then fails."""

    def __init__(self) -> None:
        self.full = threading.Event()
        self.break_off = 0
        self._write = os.write

    def __call__(self, fd: int, data: bytes) -> int:
        if self.break_off < 0:
            self.break_off = 0
            raise OSError(errno.ENOSPC, "full")
        if self.break_off:
            data, self.break_off = data[: self.break_off], -1
        try:
            return self._write(fd, data)
        except BlockingIOError:
            self.full.set()
            raise


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    writes = Writes()
    monkeypatch.setattr(os, "write", writes)
    return writes


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("prhelper", logging.INFO, "", 0, text, None, None)


def test_a_line_waits_for_room_where_others_made_standard_error_non_blocking(writes: Writes) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    writes.full.clear()
    faults: list[OSError] = []

    def write() -> None:
        sink = FileSink(writing)
        try:
            for text in ("short", LONG, "last"):
                sink.write(record(text))
        except OSError as error:
            faults.append(error)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    assert writes.full.wait(10)
    with os.fdopen(reading) as file:
        lines = [line.partition("prhelper: ")[2] for line in file.read().split("\n") if line]
    thread.join(10)
    assert faults == []
    assert lines == ["short", LONG, "last"]


def test_half_a_line_that_failed_does_not_spoil_the_next(writes: Writes) -> None:
    reading, writing = os.pipe()
    sink = FileSink(writing)
    writes.break_off = 10
    with pytest.raises(OSError, match="full"):
        sink.write(record("lost"))
    sink.write(record("whole"))
    sink.write(record("another"))
    os.close(writing)
    with os.fdopen(reading) as file:
        half, whole, another = file.read().splitlines()
    assert len(half) == 10
    assert whole.endswith("prhelper: whole")
    assert another.endswith("prhelper: another")
