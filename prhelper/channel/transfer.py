"""Reading and writing a given number of bytes: try, and wait for another try, until it is done."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from .context import pause
from .descriptors import OwnedFd
from .errors import EndOfStream, IncompleteRead, ShortageError
from .waiter import Direction

ReadableBuffer = bytes | bytearray | memoryview
WritableBuffer = bytearray | memoryview

_SHORTAGE_PAUSE = 0.01
"""Seconds before retrying a write that the kernel had no memory for: there is no event to wait for."""


class Transfer(ABC):
    """What every channel can do because it can try (`readv`, `writev`) and wait (`wait`), which `Channel` documents.

    `deadline` is a time of `time.monotonic`; past it a coroutine gets TimeoutError. After that, or a cancellation,
    `wait` and `read` have lost nothing. With `read_exactly` and `read_exactly_or_eof`, bytes already read are lost, and
    descriptors already in `fds` stay the caller's. With `write_all`, an unknown prefix has been sent, together with the
    descriptors unless nothing was sent.
    """

    @abstractmethod
    def readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None = None) -> int | None: ...

    @abstractmethod
    def writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = ()) -> int | None: ...

    @abstractmethod
    def read_now(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None: ...

    @abstractmethod
    async def wait(self, direction: Direction, deadline: float | None = None) -> None: ...

    async def read(self, size: int, fds: list[OwnedFd] | None = None, deadline: float | None = None) -> bytes:
        """Read at least one byte and at most `size`; b"" at the end. `fds` as for `readv`."""
        while (data := self.read_now(size, fds)) is None:
            await self.wait(Direction.READ, deadline)
        return data

    async def read_exactly(self, size: int, fds: list[OwnedFd] | None = None, deadline: float | None = None) -> bytes:
        """Read `size` bytes. Raises EndOfStream at the end of the stream, IncompleteRead if it ends in between."""
        if (data := await self.read_exactly_or_eof(size, fds, deadline)) is None:
            raise EndOfStream
        return data

    async def read_exactly_or_eof(
        self, size: int, fds: list[OwnedFd] | None = None, deadline: float | None = None
    ) -> bytes | None:
        """As `read_exactly`, but None at the end of the stream (QEMU: qio_channel_readv_all_eof)."""
        buffer = bytearray(size)
        rest = memoryview(buffer)
        while rest:
            if (count := self.readv([rest], fds)) is None:
                await self.wait(Direction.READ, deadline)
            elif count == 0:
                if len(rest) == size:
                    return None
                raise IncompleteRead
            else:
                rest = rest[count:]
        return bytes(buffer)

    async def write_all(
        self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = (), deadline: float | None = None
    ) -> None:
        """Write all of `buffers`, `fds` along with the first byte."""
        fds = tuple(fds)
        while buffers:
            try:
                count = self.writev(buffers, fds)
            except ShortageError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError from None
                await pause(_SHORTAGE_PAUSE)
                continue
            if count is None:
                await self.wait(Direction.WRITE, deadline)
            else:
                fds = ()
                buffers = _without_first(count, buffers)


def _without_first(count: int, buffers: Sequence[ReadableBuffer]) -> Sequence[ReadableBuffer]:
    for number, buffer in enumerate(buffers):
        size = memoryview(buffer).nbytes
        if count < size:
            return [memoryview(buffer).cast("B")[count:], *buffers[number + 1 :]]
        count -= size
    return []
