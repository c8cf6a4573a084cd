"""Closes the connections that are over, and blocks no thread that others need.

Closing a connection also closes the descriptors in its unread input, which can block for as long as their sender likes.
So `host.closer` closes these. If it cannot now, because its queue is full or too many descriptors are in flight, the
connection waits for the next attempt, hung up but open. If it still cannot after some attempts, or the sandbox forbids
its way of closing, a thread closes the connection, and may block. One account blocks few threads at a time: the rest of
its connections wait.
"""

import collections
import logging
import threading
from collections.abc import Callable

from ..channel import Direction, SocketChannel, current_context, pause
from ..host.closer import Closer
from ..host.signals import every_signal_blocked
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError

_log = logging.getLogger(__name__)

MAX_BLOCKED = 16
"""Threads that may close connections of one account at the same time, and block."""

_RETRY_PAUSE = 0.05
"""Seconds between two attempts."""

_MAX_ATTEMPTS = 40
"""Attempts before a thread is used though the closer works: two seconds of them."""


class _Connection:
    """A connection that is over. `free` gives up its place among the clients."""

    __slots__ = ("account", "attempts", "channel", "free")

    def __init__(self, channel: SocketChannel, account: str, free: Callable[[], None]) -> None:
        self.channel = channel
        self.account = account
        self.free = free
        self.attempts = 0

    def close(self) -> None:
        """Close it, knowing that this does not block."""
        self.free()  # first: a client that sees the connection closed may be back at once
        self.channel.shutdown()
        self.channel.close()


class Closing:
    """The connections that are being closed. Any thread may use it.

    closed: called when a connection that had to wait is closed.
    """

    def __init__(self, threads: IOThreads, closed: Callable[[], None]) -> None:
        self._threads = threads
        self._closed = closed
        self._closer = Closer()
        self._lock = threading.Lock()
        self._waiting: list[_Connection] = []
        self._attempted = 0
        self._retrying = False
        self._blocked: collections.Counter[str] = collections.Counter()

    def start(self) -> None:
        """Start the closer's thread. Raises RuntimeError if it cannot."""
        with every_signal_blocked():
            self._closer.start()
        if not self._closer.works:
            _log.warning(
                "no thread may have a descriptor table of its own here: allow unshare(2) or close_range(2) in the "
                "sandbox; until then a client can block %d threads, with descriptors that block when they are closed",
                MAX_BLOCKED,
            )

    def stop(self) -> None:
        """End the closer's thread."""
        self._closer.stop()

    def __len__(self) -> int:
        """How many connections are not closed yet; those that the closer has taken do not count."""
        with self._lock:
            return len(self._waiting) + self._attempted + self._blocked.total()

    def close(self, channel: SocketChannel, account: str, free: Callable[[], None]) -> None:
        """Close a connection of `account`, now or later.

        `free` is called once: right before it is closed, or, if that can block, right after.
        """
        channel.shutdown(Direction.READ)  # from now on nothing more arrives, and the client does not see it yet
        connection = _Connection(channel, account, free)
        if not channel.unread():
            connection.close()
        elif not self._closer.close_at_once(channel.fileno(), connection.close):
            channel.shutdown()
            self._wait(connection)

    def _wait(self, connection: _Connection) -> None:
        with self._lock:
            self._waiting.append(connection)
            if self._retrying:
                return
            self._retrying = True
        self._threads.spawn(self._retry(), lambda _: None)

    async def _retry(self) -> None:
        while self._close_some():
            await pause(_RETRY_PAUSE)

    def _close_some(self) -> bool:
        """Try to close what waits. Returns whether anything still does."""
        with self._lock:
            attempted, self._waiting = self._waiting, []
            self._attempted = len(attempted)
        kept = [connection for connection in attempted if not self._attempt(connection)]
        with self._lock:
            self._waiting = kept + self._waiting
            self._attempted = 0
            self._retrying = bool(self._waiting)
            return self._retrying

    def _attempt(self, connection: _Connection) -> bool:
        """Returns whether the connection is closed, or a thread closes it."""
        if self._closer.close_at_once(connection.channel.fileno(), connection.close):
            self._closed()
            return True
        connection.attempts += 1
        if self._closer.works and connection.attempts < _MAX_ATTEMPTS:
            return False
        with self._lock:
            if self._blocked[connection.account] >= MAX_BLOCKED:
                return False
            self._blocked[connection.account] += 1
        self._threads.spawn(self._close_in_thread(connection), lambda _: None)
        return True

    async def _close_in_thread(self, connection: _Connection) -> None:
        try:
            await current_context().call(None, connection.channel.close)
        except NoThreadError:
            self._wait(connection)
        else:
            connection.free()
            self._closed()
        finally:
            with self._lock:
                self._blocked -= collections.Counter([connection.account])  # keeps no zeros
