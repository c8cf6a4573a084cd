"""The channel: bytes, and perhaps descriptors, to and from somewhere (QEMU: QIOChannel).

Three layers, each built on the one below:

1. `readv` and `writev` never wait. "Would block" is a value, None, as in `io.RawIOBase`, not an exception.
2. `wait` suspends the coroutine, wherever it runs (`context`), until a direction is worth another try.
3. `read`, `read_exactly`, `write_all` and the like (`transfer`) alternate between the two until they succeed.

**Concurrency.** One coroutine may read while another, in another loop or thread, writes; no lock is held across a wait.
A second reader, or writer, is refused with BusyResourceError. `wake_read`, `quiesce` and `close` may be called from any
thread.

**Closing.** `close` wakes the waiting coroutines. The descriptor itself is closed once nothing uses it (`lifetime`).

**At rest.** Between two messages a reader waits in `next_message`. `quiesce` makes that return False, after one more
message at most, so that the conversation can stop, or continue elsewhere, without losing a byte. Inside a message a
reader that can continue elsewhere even there waits in `read_on`.

**A kind of your own** implements the abstract methods under "For the kinds", and the methods of `operations` for its
features. README.md has an example.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

from .context import current_context
from .descriptors import OwnedFd
from .errors import ClosedResourceError
from .home import HomeLoop, wait_at_home
from .lifetime import Lifetime
from .operations import Operations
from .transfer import ReadableBuffer, Transfer, WritableBuffer
from .waiter import BETWEEN, INSIDE, Direction, Waiter, is_ready


class Channel(Operations, Transfer):
    """A channel of any kind. The module's docstring says what may happen concurrently.

    Every method raises ClosedResourceError once the channel is closed, BrokenResourceError when the connection has
    failed, and io.UnsupportedOperation where the kind lacks the feature. `deadline` is a time of `time.monotonic`; past
    it a coroutine gets TimeoutError. Cancelling a coroutine leaves nothing registered; bytes that it had already moved
    are lost: none for `read` and `next_message`, perhaps some for the others.

    home: the loop that watches the descriptor, whatever context the coroutine waits in. None, the default: the wait
        follows the coroutine (QEMU: qio_channel_set_follow_coroutine_ctx with false, and with true).
    """

    def __init__(self) -> None:
        self._lifetime = Lifetime(self._dispose)
        self._quiesced = 0
        self._last_message = True
        self.home: HomeLoop | None = None

    # Trying, and waiting for another try.

    def readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None = None) -> int | None:
        """Read what is there into `buffers`, in order: the number of bytes, 0 at the end, None if it would block.

        Descriptors that came along are appended to `fds`, and the caller owns them; without a list the kernel closes
        them. They are close-on-exec and in blocking mode. Blocking mode belongs to the open file description, so a
        sender that kept a duplicate sees it change too. Raises DescriptorsTruncatedError if some were dropped.
        """
        self._lifetime.hold()
        try:
            if fds is not None and not self._passes_fds:
                self._refuse_descriptors()
            return self._readv(buffers, fds)
        finally:
            self._lifetime.release()

    def read_now(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        """Read what is there, at most `size` bytes; b"" at the end, None if it would block. `fds` as for `readv`."""
        self._lifetime.hold()
        try:
            if fds is not None and not self._passes_fds:
                self._refuse_descriptors()
            return self._read(size, fds)
        finally:
            self._lifetime.release()

    def writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = ()) -> int | None:
        """Write as much of `buffers` as there is room for: the number of bytes, None if it would block.

        Duplicates of `fds` go along with the first byte; the caller keeps its own.
        """
        fds = tuple(fds)
        self._lifetime.hold()
        try:
            if fds and not self._passes_fds:
                self._refuse_descriptors()
            return self._writev(buffers, fds)
        finally:
            self._lifetime.release()

    async def wait(self, direction: Direction, deadline: float | None = None) -> None:
        """Wait until `direction` is worth another try (QEMU: qio_channel_yield).

        Wakeups may be spurious: `wake_read` causes one. Raises BusyResourceError if a coroutine waits already.
        """
        await self._wait(direction, deadline)

    async def next_message(self, deadline: float | None = None) -> bool:
        """Between two messages, wait until there is something to read, the end included.

        Returns False once the channel is quiesced, but for one more message: one that has arrived is not left unread.
        What follows that stays in the channel, to be read after `resume`.
        """
        due = None
        while due is None:
            await self._wait(Direction.READ, deadline, BETWEEN)
            due = self._message_due(False)  # the wakeup may be spurious
        return due

    async def read_next(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        """Between two messages, wait for the next and read at most `size` bytes of it; b"" at the end.

        Returns None where `next_message` returns False. `fds` as for `readv`.
        """
        while (due := self._message_due(await self._wait(Direction.READ, None, BETWEEN))) is not False:
            if due and (data := self.read_now(size, fds)) is not None:
                return data
        return None

    async def read_on(self, size: int, fds: list[OwnedFd] | None, deadline: float | None) -> bytes | None:
        """Inside a message, read as `read` does; None if the channel is quiesced at once and nothing has arrived."""
        while (data := self.read_now(size, fds)) is None:
            if self._quiesced == INSIDE:
                return None
            await self._wait(Direction.READ, deadline, INSIDE)
        return data

    # From any thread.

    def wake_read(self) -> None:
        """Make the waiting reader's wait return now; without one, do nothing (QEMU: qio_channel_wake_read)."""
        self._lifetime.wake(Direction.READ)

    def quiesce(self, at_once: bool = False) -> None:
        """Make `next_message` return False from now on, but for one message that has arrived.

        at_once: without that one; and `read_on` returns None. Both only where nothing is lost by it.
        """
        if at_once:
            self._last_message = False
        self._quiesced = INSIDE if at_once else BETWEEN
        self.wake_read()

    def resume(self) -> None:
        """Undo `quiesce`: a coroutine in any context may read on."""
        self._quiesced = 0
        self._last_message = True

    def close(self) -> None:
        """Close the channel, and wake the waiting coroutines with ClosedResourceError. May be called again.

        The descriptor is closed at once if nothing uses it, else by the last use to end.
        """
        self._lifetime.close()

    async def aclose(self) -> None:
        """Close without blocking the thread where `close` would, for example until a process has ended."""
        self.close()

    @property
    def closed(self) -> bool:
        return self._lifetime.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # For the kinds. The descriptors stay open during each call, and a reader and a writer may call from two threads at
    # once. A further method of a kind keeps them open itself, between `self._lifetime.hold()` and `release()`.

    @abstractmethod
    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None:
        """As `readv`, never blocking; `fds` is None without FD_PASS. Raises BrokenResourceError from the OSError."""

    @abstractmethod
    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None:
        """As `writev`, never blocking; `fds` is empty without FD_PASS. Raises BrokenResourceError from the OSError."""

    def _read(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        """As `read_now`; for a kind that has a faster way than `_readv` into new memory."""
        buffer = bytearray(size)
        count = self._readv([buffer], fds)
        return None if count is None else bytes(memoryview(buffer)[:count])

    @abstractmethod
    def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:
        """The descriptor to wait on, and the direction of it, until `direction` of this channel is worth a try.

        None if it is worth a try now: always so for a kind that never blocks. A kind without a descriptor makes one
        (`EventFd`).
        """

    def _flush(self) -> bool:
        """Pass on what `writev` took and has kept; return whether nothing is left of it. Most kinds keep nothing."""
        return True

    @abstractmethod
    def _dispose(self) -> None:
        """Close the descriptors. Called once, when nothing uses them."""

    # Waiting.

    def _message_due(self, ended_by_itself: bool) -> bool | None:
        """After a wait for a message: True to read it, False if quiesced, None to wait again."""
        if not ended_by_itself and not self._readable_now():
            return False if self._quiesced else None
        if self._quiesced:
            last, self._last_message = self._last_message, False
            return last
        return True

    async def _wait(self, direction: Direction, deadline: float | None, until_quiesced: int = 0) -> bool:
        """Wait for what `_wait_on` says; return whether that became ready, as opposed to a wake or `quiesce`."""
        self._lifetime.hold()
        try:
            if (awaited := self._wait_on(direction)) is None:
                return True
            return await self._suspend(direction, Waiter(*awaited, deadline), until_quiesced)
        finally:
            self._lifetime.release()

    async def _suspend(self, direction: Direction, waiter: Waiter, until_quiesced: int) -> bool:
        """As `_wait`, under a hold, with a waiter of the kind's own making."""
        lifetime = self._lifetime
        lifetime.begin_wait(direction, waiter)
        try:
            # Not before the waiter is known (docs/architecture.md, Lock-free steps).
            quiesced = self._quiesced and 0 < until_quiesced <= self._quiesced
            if not quiesced:
                await (wait_at_home(self.home, waiter, lifetime) if self.home else current_context().wait(waiter))
        finally:
            lifetime.end_wait(direction)
        if lifetime.closed:
            raise ClosedResourceError
        return not (quiesced or waiter.woken)

    def _readable_now(self) -> bool:
        self._lifetime.hold()
        try:
            awaited = self._wait_on(Direction.READ)
            return awaited is None or is_ready(*awaited)
        finally:
            self._lifetime.release()
