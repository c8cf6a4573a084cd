"""The channel: bytes, and perhaps descriptors, to and from somewhere (QEMU: QIOChannel).

Three layers, each in terms of the one below:

1. `readv` and `writev` never wait. "Would block" is a value, None, as in `io.RawIOBase`: it unwinds nobody.
2. `wait` suspends the coroutine, wherever that runs (`context`), until one direction is worth another try.
3. `read`, `read_exactly`, `write_all` and their kin (`transfer`) do the first until it succeeds, with the second in
   between.

**Who may do what at once.** One coroutine may read while another, in another loop or thread, writes; no lock is held
across a wait. A second reader, or writer, is refused with BusyResourceError. `wake_read`, `quiesce` and `close` may
be called from any thread.

**The descriptor goes last.** `close` wakes those who wait; the descriptor itself is closed when nobody uses it any more
(`lifetime`).

**At rest.** Between two messages a reader waits in `next_message`. `quiesce` makes that return False, after at most one
message more, so that the conversation can stop or be continued elsewhere without losing a byte.

A kind of channel implements the methods at the end, and those of `operations` that it has the features for.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

from .context import current_context
from .descriptors import OwnedFd
from .errors import ClosedResourceError
from .eventfd import EventFd
from .home import HomeLoop, HomeWatch, wait_at_home
from .lifetime import Lifetime
from .operations import Operations
from .transfer import ReadableBuffer, Transfer, WritableBuffer
from .waiter import Direction, Waiter, is_ready


class Channel(Operations, Transfer):
    """A channel of any kind. See the module's text for who may do what at once.

    Every method raises ClosedResourceError once the channel is closed, BrokenResourceError when the peer is gone, and
    io.UnsupportedOperation where the kind lacks the feature. `deadline` is a time of `time.monotonic`; past it a
    coroutine gets TimeoutError. A coroutine that is cancelled leaves nothing registered; bytes that it had already
    moved are gone: none for `read` and `next_message`, perhaps some for the others.

    home: the loop that watches the descriptor, whatever context the coroutine waits in; None, the default, to wait
        where the coroutine runs (QEMU: qio_channel_set_follow_coroutine_ctx with false, and with true).
    """

    def __init__(self) -> None:
        self._lifetime = Lifetime(self._dispose)
        self._quiesced = False
        self._last_message = True
        self.home: HomeLoop | None = None

    # Without waiting, and the wait itself.

    def readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None = None) -> int | None:
        """Read what is there into `buffers`, in order: how many bytes, 0 at the end, None if it would block.

        Descriptors that came along are appended to `fds`, the caller's from then on; without a list the kernel closes
        them. They are close-on-exec, and block: for a sender that kept its own too, since the open file is the same.
        Raises DescriptorsTruncatedError if some had no room.
        """
        self._lifetime.hold()
        try:
            if fds is not None and not self._passes_fds:
                self._refuse_descriptors()
            return self._readv(buffers, fds)
        finally:
            self._lifetime.release()

    def read_now(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        """Read at most `size` bytes that are there; b"" at the end, None if it would block. `fds` as for `readv`."""
        self._lifetime.hold()
        try:
            if fds is not None and not self._passes_fds:
                self._refuse_descriptors()
            return self._read(size, fds)
        finally:
            self._lifetime.release()

    def writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = ()) -> int | None:
        """Write from `buffers` what can be written: how many bytes, None if it would block.

        `fds` go along with the first byte, as copies: the caller keeps its own.
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

        It may return for nothing, after `wake_read` for one. Raises BusyResourceError if a coroutine waits already.
        """
        await self._wait(direction, deadline)

    async def next_message(self, deadline: float | None = None) -> bool:
        """At a boundary between messages, wait until there is something to read, the end included.

        False once the channel is quiesced, but for one message more: one that was under way is not left unread. What
        comes behind that stays in the channel for whoever reads on after `resume`.
        """
        due = None
        while due is None:
            await self._wait(Direction.READ, deadline, True)
            due = self._message_due(False)  # the wait may have returned for nothing
        return due

    async def read_next(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        """At a boundary between messages, wait for the next and read at most `size` bytes of it; b"" at the end.

        None where `next_message` is False. `fds` as for `readv`.
        """
        while (due := self._message_due(await self._wait(Direction.READ, None, True))) is not False:
            if due and (data := self.read_now(size, fds)) is not None:
                return data
        return None

    # From any thread.

    def wake_read(self) -> None:
        """Let the waiting reader's wait return now, once; harmless when nobody waits (QEMU: qio_channel_wake_read)."""
        self._lifetime.wake(Direction.READ)

    def quiesce(self) -> None:
        """Let `next_message` return False from now on, but for one message that is under way."""
        self._quiesced = True
        self.wake_read()

    def resume(self) -> None:
        """Undo `quiesce`: the next coroutine may read on, in whatever context it runs."""
        self._quiesced = False
        self._last_message = True

    def close(self) -> None:
        """Close the channel, waking whoever waits with ClosedResourceError. Harmless when that was done before.

        The descriptor is closed at once if nobody uses it, else by the last to let go of it.
        """
        self._lifetime.close()

    async def aclose(self) -> None:
        """Close without blocking the thread, where `close` would: while a process ends, say."""
        self.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._lifetime.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # For the kinds.

    @abstractmethod
    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None: ...

    @abstractmethod
    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None: ...

    def _read(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        """`_readv` into new memory; for kinds where the kernel's own words are faster."""
        buffer = bytearray(size)
        count = self._readv([buffer], fds)
        return None if count is None else bytes(memoryview(buffer)[:count])

    @abstractmethod
    def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:
        """The descriptor, and its direction, that becomes ready when `direction` of this channel may be.

        None where a try is worth it now: that is always so for a kind that never blocks.
        """

    def _flush(self) -> bool:
        """Pass on what `writev` took and has kept: whether nothing is left of it. Most kinds keep nothing."""
        return True

    @abstractmethod
    def _dispose(self) -> None:
        """Close the descriptors. Called once, when nobody uses them."""

    # How a wait goes.

    def _message_due(self, ended_by_itself: bool) -> bool | None:
        """After a wait for a message: whether to read it, False for no more messages, None to wait again."""
        if not ended_by_itself and not self._readable_now():
            return False if self._quiesced else None
        if self._quiesced:
            last, self._last_message = self._last_message, False
            return last
        return True

    async def _wait(self, direction: Direction, deadline: float | None, until_quiesced: bool = False) -> bool:
        """Wait for what `_wait_on` says: whether the wait ended by itself, and was not ended by another thread."""
        self._lifetime.hold()
        try:
            if (awaited := self._wait_on(direction)) is None:
                return True
            return await self._suspend(direction, Waiter(*awaited, deadline), until_quiesced)
        finally:
            self._lifetime.release()

    async def _suspend(self, direction: Direction, waiter: Waiter, until_quiesced: bool) -> bool:
        """Under a hold, wait with `waiter`: whether the wait ended by itself, and was not ended by another thread."""
        lifetime = self._lifetime
        lifetime.begin_wait(direction, waiter)
        try:
            # Asked only now: `quiesce` sets the flag first and looks for a waiter after.
            quiesced = until_quiesced and self._quiesced
            if not quiesced:
                await (current_context().wait(waiter) if self.home is None else self._wait_at(self.home, waiter))
        finally:
            lifetime.end_wait(direction)
        if lifetime.closed:
            raise ClosedResourceError
        return not (quiesced or waiter.woken)

    async def _wait_at(self, home: HomeLoop, waiter: Waiter) -> None:
        with EventFd() as news:
            self._lifetime.hold()  # the home loop's own, until it has really stopped watching
            await wait_at_home(home, HomeWatch(waiter, news, self._lifetime.release))

    def _readable_now(self) -> bool:
        self._lifetime.hold()
        try:
            awaited = self._wait_on(Direction.READ)
            return awaited is None or is_ready(*awaited)
        finally:
            self._lifetime.release()
