"""Where log lines go: stderr, journal, or syslog. A sink may block and raise OSError; only `LogHandler` calls it."""

import contextlib
import errno
import logging
import os
import select
import sys
import syslog
import time
from collections.abc import Mapping
from typing import Protocol

from .journal import Journal, stderr_is_journal

IDENTIFIER = "prhelper"

_STDERR = 2

_GONE = (errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.EBADF)

_formatter = logging.Formatter()  # the message, and below it a traceback if there is one


class Sink(Protocol):
    """A place for log records."""

    def write(self, record: logging.LogRecord) -> None:
        """Write one record. May block; raises OSError when the sink is broken."""


class FileSink:
    """An open file, one line per record: standard error, or a file for traces. Borrows the descriptor.

    Nothing is buffered, so at exit nothing waits for a reader that never reads. Another process that shares the open
    file description may make it non-blocking; a write here waits for room all the same.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._line_unfinished = False

    def write(self, record: logging.LogRecord) -> None:
        """Write one line. Raises OSError, EPIPE for instance once the reader is gone."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        line = f"{when}.{record.msecs:03.0f} {IDENTIFIER}: {level}{_text(record)}\n".encode(errors="replace")
        rest = b"\n" * self._line_unfinished + line
        while rest:
            try:
                written = os.write(self._fd, rest)
            except BlockingIOError:
                _wait_for_room(self._fd)
            else:
                rest = rest[written:]
                self._line_unfinished = bool(rest)


class JournalSink:
    """The journal. The record's `fields`, if any, are sent as PRHELPER_NAME=value."""

    def __init__(self) -> None:
        self._journal = Journal()

    def write(self, record: logging.LogRecord) -> None:
        """Send one entry. Raises OSError if the journal is gone."""
        fields: Mapping[str, str] = getattr(record, "fields", {})
        self._journal.send(
            {
                "MESSAGE": _text(record),
                "PRIORITY": str(_priority(record.levelno)),
                "SYSLOG_IDENTIFIER": IDENTIFIER,
                **({"CODE_FUNC": record.funcName} if record.funcName else {}),
                **{f"PRHELPER_{name.upper()}": value for name, value in fields.items()},
            }
        )


class SyslogSink:
    """syslog(3)."""

    def __init__(self) -> None:
        syslog.openlog(IDENTIFIER, syslog.LOG_PID, syslog.LOG_DAEMON)

    def write(self, record: logging.LogRecord) -> None:
        """Hand one line to the C library, which drops it if no syslog daemon is listening."""
        syslog.syslog(_priority(record.levelno), _text(record))


def choose(name: str, in_background: bool, unread: bool = False) -> Sink:
    """The sink for --log=NAME, or for "auto" the one that fits. Raises OSError if the one asked for is not there."""
    if name == "stderr" and in_background:
        raise OSError(errno.EINVAL, "a daemon has no standard error; use auto, journal or syslog")
    if name == "journal" or (name == "auto" and stderr_is_journal()):
        return JournalSink()
    if name == "syslog":
        return SyslogSink()
    if name == "auto" and (in_background or unread or sys.stderr is None):
        return fallback()
    return FileSink(_STDERR)


def fallback() -> Sink:
    """The sink to use when standard error has no reader."""
    with contextlib.suppress(OSError):
        return JournalSink()
    return SyslogSink()


def is_gone(error: Exception) -> bool:
    """Whether a write failed because the reader is gone for good."""
    return isinstance(error, OSError) and error.errno in _GONE


def _wait_for_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


def _text(record: logging.LogRecord) -> str:
    return _formatter.format(record)


def _priority(level: int) -> int:
    if level >= logging.CRITICAL:
        return syslog.LOG_CRIT
    if level >= logging.ERROR:
        return syslog.LOG_ERR
    if level >= logging.WARNING:
        return syslog.LOG_WARNING
    return syslog.LOG_INFO if level >= logging.INFO else syslog.LOG_DEBUG
