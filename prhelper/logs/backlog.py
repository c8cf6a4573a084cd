"""Records that wait to be written: bounded in bytes, and shared fairly.

When there is no room, the account that holds the most loses its newest record. So a flood of one account costs only
that account its lines, whatever the level of the log and however long the writer is stuck.
"""

import collections
import logging
import sys
import threading
from collections.abc import Mapping

from .record import LazyMessage

MAX_BYTES = 8 << 20
"""Memory, near enough, that all waiting records may take."""

_RECORD_BYTES = 1200
"""What a record takes beside its text and its fields; so it bounds their number, too."""


class _Share:
    """What one account has waiting: numbers of records, the oldest first, and their bytes."""

    __slots__ = ("numbers", "size")

    def __init__(self) -> None:
        self.numbers: collections.deque[int] = collections.deque()
        self.size = 0


class Backlog:
    """A queue of records for one reader; any thread may put. The oldest comes out first, whoever's it is."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._records: collections.OrderedDict[int, tuple[logging.LogRecord, str, int]] = collections.OrderedDict()
        self._shares: dict[str, _Share] = {}
        self._size = 0
        self._number = 0
        self._lost = 0
        self._closed = False

    def put(self, record: logging.LogRecord, account: str) -> None:
        """Add a record, or count one as lost: this one, or the newest of the account that holds the most."""
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
        """Take the oldest record; None if there is none, after so many seconds or when it is closed."""
        with self._changed:
            if not self._records and not self._closed:
                self._changed.wait(timeout)
            if not self._records:
                return None
            number = next(iter(self._records))
            self._shares[self._records[number][1]].numbers.popleft()
            return self._remove(number)

    def close(self) -> None:
        """Let the reader end once it has taken everything."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def over(self) -> bool:
        """Whether it is closed, and nothing is left in it."""
        with self._changed:
            return self._closed and not self._records

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._records

    def lose(self, count: int) -> None:
        """Count records that were lost elsewhere."""
        with self._changed:
            self._lost += count

    def take_lost(self) -> int:
        """How many records were lost since this was last asked."""
        with self._changed:
            count, self._lost = self._lost, 0
            return count

    def _make_room(self, size: int, account: str) -> bool:
        share = self._shares.get(account) or _Share()
        while self._size + size > self._max_bytes:
            # Looking for the largest takes time: not for an account that has its part and more, as one that floods has.
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
