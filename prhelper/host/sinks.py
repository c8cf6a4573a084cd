"""Where log lines end up: stderr, the journal, or syslog. A sink may block, and raise OSError; only `logs` calls it."""

import logging
import sys
import syslog
import time
from typing import Protocol

from .journal import Journal, journal_is_there, stderr_is_journal

IDENTIFIER = "prhelper"

_formatter = logging.Formatter()  # the message, and below it a traceback if there is one


class Sink(Protocol):
    """A place for log records."""

    def write(self, record: logging.LogRecord) -> None:
        """Write one record. May block; raises OSError when the sink is broken."""


class StderrSink:
    """Standard error, a line a record; what a user sees, and what a service manager may collect."""

    def write(self, record: logging.LogRecord) -> None:
        """Write one line. Raises OSError, when nobody reads standard error any more."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        try:
            sys.stderr.write(f"{when}.{record.msecs:03.0f} {IDENTIFIER}: {level}{_text(record)}\n")
            sys.stderr.flush()
        except ValueError as error:  # closed by this very process
            raise OSError(str(error)) from error


class JournalSink:
    """The journal. Fields come from the record's `fields`, if it has some."""

    def __init__(self) -> None:
        self._journal = Journal()

    def write(self, record: logging.LogRecord) -> None:
        """Send one entry. Raises OSError if the journal is gone."""
        fields: dict[str, str] = getattr(record, "fields", {})
        self._journal.send(
            {
                "MESSAGE": _text(record),
                "PRIORITY": str(_priority(record.levelno)),
                "SYSLOG_IDENTIFIER": IDENTIFIER,
                "CODE_FUNC": record.funcName or "",
                **{f"PRHELPER_{name.upper()}": value for name, value in fields.items()},
            }
        )


class SyslogSink:
    """syslog(3)."""

    def __init__(self) -> None:
        syslog.openlog(IDENTIFIER, syslog.LOG_PID, syslog.LOG_DAEMON)

    def write(self, record: logging.LogRecord) -> None:
        """Hand one line to the C library, which drops it if nobody listens."""
        syslog.syslog(_priority(record.levelno), _text(record))


def choose(name: str, in_background: bool) -> Sink:
    """The sink for --log=NAME; "auto" finds the fitting one. Raises OSError if the one asked for is not there."""
    if name == "journal" or (name == "auto" and stderr_is_journal()):
        return JournalSink()
    if name == "syslog":
        return SyslogSink()
    if name == "auto" and in_background:
        return fallback()
    return StderrSink()


def fallback() -> Sink:
    """Where to go when nobody reads standard error."""
    if journal_is_there():
        try:
            return JournalSink()
        except OSError:
            pass
    return SyslogSink()


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
