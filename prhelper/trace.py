"""Trace events: what happens inside, by name, for whoever asks with -T; a disabled event costs one attribute look-up.

The option's value is QEMU's: `[[enable=]PATTERN][,events=FILE][,file=FILE]`, PATTERN a shell pattern of event names, a
leading "-" turning events off again; `events=` names a file with one pattern a line; `file=` says where traces go
instead of the log.
"""

import contextlib
import fnmatch
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)  # whoever asks for an event gets it, whatever the level of the rest


class TraceError(Exception):
    """The option's value cannot be used; the text says why."""


class Event:
    """One kind of event. Check `enabled` before computing arguments; call to trace."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.enabled = False

    def __call__(self, *arguments: object) -> None:
        """Write the event; `arguments` fill the placeholders of its text."""
        if self.enabled:
            _output.write(f"{self.name} {self.text % arguments}")


client_connect = Event("prh_client_connect", "client %d %s")
client_refused = Event("prh_client_refused", "%s")
client_end = Event("prh_client_end", "client %d %s")
request_begin = Event("prh_request_begin", "client %d cdb %s parameter list %s")
request_end = Event("prh_request_end", "client %d status %#x sense %s data %s")
sg_io = Event("prh_sg_io", "device %s status %#x host %#x driver %#x resid %d in %.6f s")
sg_io_error = Event("prh_sg_io_error", "device %s %s in %.6f s")
leader_appointed = Event("prh_leader_appointed", "stalled by %s")
burst_begin = Event("prh_burst_begin", "device %s")
channel_rest = Event("prh_channel_rest", "fd %d for %s")

EVENTS = tuple(event for event in list(globals().values()) if isinstance(event, Event))


class _Output:
    """The log, at its most verbose level, or a file of its own."""

    def __init__(self) -> None:
        self._file: TextIO | None = None
        self._lock = threading.Lock()

    def open(self, path: str) -> None:
        self.close()
        try:
            self._file = Path(path).open("a", buffering=1)  # noqa: SIM115 (open as long as the process)
        except OSError as error:
            raise TraceError(f"file={path}: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, line: str) -> None:
        if self._file is None:
            _log.info(line)
            return
        # A full disk must not cost a guest its answer.
        with self._lock, contextlib.suppress(OSError):
            self._file.write(f"{threading.get_native_id()}@{time.time():.6f}:{line}\n")


_output = _Output()


def enable(option: str) -> list[str]:
    """Do what one -T says: the patterns that match no event. Raises TraceError if a file cannot be opened."""
    unknown = []
    for part in option.split(","):
        key, separator, value = part.partition("=")
        if separator and key == "events":
            unknown += [pattern for pattern in _patterns(value) if not _switch(pattern)]
        elif separator and key == "file":
            _output.open(value)
        elif separator and key != "enable":
            raise TraceError(f"'{key}=' is none of enable=, events= and file=")
        elif not _switch(pattern := value if separator else part):
            unknown.append(pattern)
    return unknown


def _patterns(path: str) -> Iterator[str]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise TraceError(f"events={path}: {error.strerror}") from error
    for line in lines:
        if (pattern := line.strip()) and not pattern.startswith("#"):
            yield pattern


def _switch(pattern: str) -> bool:
    name = pattern.removeprefix("-")
    matching = [event for event in EVENTS if fnmatch.fnmatchcase(event.name, name)]
    for event in matching:
        event.enabled = not pattern.startswith("-")
    return bool(matching) or name in ("", "*")
