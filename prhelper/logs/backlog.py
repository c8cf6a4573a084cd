"""Records waiting to be written: bounded in bytes, shared fairly, and handed over in batches.

When there is no room, the account with the most waiting loses its newest record. So one account's flood costs only its
own lines, whatever the log level and however long the writer is stuck.

The reader is not woken for each record. A thread that writes a line while others carry out commands takes the GIL from
them at each of its system calls: with 16 clients on a 300 us device, the first 200 lines took a second, and halved the
commands of that second. So the reader lets records gather for a moment, and then takes them one after another.
"""

import collections
import logging
import sys
import threading
from collections.abc import Mapping

from .record import LazyMessage

MAX_BYTES = 8 << 20
"""Limit of the memory that all waiting records take, roughly."""

GATHERING = 0.1
"""Seconds for which records gather, once there is one, before the reader gets them."""

_RECORD_BYTES = 1200
"""What a record takes besides its text and fields; this bounds their number, too."""


class _Share:
    """What one account has waiting: the numbers of its records, oldest first, and their bytes."""

    __slots__ = ("numbers", "size")

    def __init__(self) -> None:
        self.numbers: collections.deque[int] = collections.deque()
        self.size = 0


class Backlog:
    """A queue of records for one reader; any thread may put. First in, first out, across all accounts."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._records: collections.OrderedDict[int, tuple[logging.LogRecord, str, int]] = collections.OrderedDict()
        self._shares: dict[str, _Share] = {}
        self._size = 0
        self._number = 0
        self._lost = 0
        self._closed = threading.Event()

    def put(self, record: logging.LogRecord, account: str) -> None:
        """Add a record. When full, count as lost this one, or the newest of the account with the most waiting."""
        size = _size_of(record)
        with self._changed:
            if not self._make_room(size, account):
                self._lost += 1
                return
            self._number += 1
            self._records[self._number] = record, account, size
            share = self._shares.setdefault(account, _Share())
            share.numbers.append(self._number)
            share.size += size
            self._size += size
            self._changed.notify()

    def get(self, timeout: float | None) -> logging.LogRecord | None:
        """Take the oldest record; None if there is none within `timeout` seconds, or once closed and empty."""
        self._wait(timeout)
        with self._changed:
            if not self._records:
                return None
            number = next(iter(self._records))
            self._shares[self._records[number][1]].numbers.popleft()
            return self._remove(number)

    def _wait(self, timeout: float | None) -> None:
        with self._changed:
            if self._records or self._closed.is_set():
                return
            self._changed.wait(timeout)
            if not self._records:
                return
        self._closed.wait(GATHERING)

    def close(self) -> None:
        """Let the reader finish once it has taken everything, without waiting for more."""
        with self._changed:
            self._closed.set()
            self._changed.notify()

    @property
    def over(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed.is_set() and not self._records

    @property
    def empty(self) -> bool:
        """Whether no record is waiting."""
        return not self._records

    @property
    def waiting(self) -> int:
        """How many records are waiting."""
        return len(self._records)

    @property
    def lost(self) -> int:
        """How many were lost since `take_lost`."""
        return self._lost

    def lose(self, count: int) -> None:
        """Count records as lost that were lost elsewhere."""
        with self._changed:
            self._lost += count

    def take_lost(self) -> int:
        """The number of records lost since the last call."""
        with self._changed:
            count, self._lost = self._lost, 0
            return count

    def _make_room(self, size: int, account: str) -> bool:
        share = self._shares.get(account) or _Share()
        while self._size + size > self._max_bytes:
            # Finding the largest share takes time: not for an account that has an equal share already, as a flood has.
            if not self._shares or share.size * len(self._shares) > self._max_bytes:
                return False
            largest = max(self._shares.values(), key=lambda other: other.size)
            if largest.size <= share.size + size:
                return False
            self._remove(largest.numbers.pop())
            self._lost += 1
        return True

    def _remove(self, number: int) -> logging.LogRecord:
        record, account, size = self._records.pop(number)
        share = self._shares[account]
        share.size -= size
        self._size -= size
        if not share.numbers:
            del self._shares[account]
        return record


def _size_of(record: logging.LogRecord) -> int:
    if isinstance(record.msg, LazyMessage):
        return _RECORD_BYTES + record.msg.size() + sys.getsizeof(record.exc_text)
    fields: Mapping[str, str] = getattr(record, "fields", {})
    texts = (record.msg, record.exc_text, *fields.values())
    return _RECORD_BYTES + sum(map(sys.getsizeof, texts))
