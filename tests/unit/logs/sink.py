"""A sink that remembers what it was given, and records to give it."""

import logging
import threading

from prhelper.logs.record import LazyMessage


class Sink:
    """Remembers; blocks or fails on demand."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: list[dict[str, str]] = []
        self.go = threading.Event()
        self.go.set()
        self.broken: Exception | None = None
        self.failures = 0

    def write(self, record: logging.LogRecord) -> None:
        assert self.go.wait(20)
        if self.broken is not None:
            self.failures += 1
            raise self.broken
        self.lines.append(record.getMessage())
        self.fields.append(getattr(record, "fields", {}))


def record(text: str | LazyMessage, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("prhelper", logging.INFO, "", 0, text, None, None)
    made.__dict__.update(extra)
    return made
