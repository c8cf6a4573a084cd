"""The buffer kind: bytes in memory (QEMU: QIOChannelBuffer)."""

import io
from collections.abc import Iterable, Sequence

from .base import Channel
from .descriptors import OwnedFd
from .feature import Feature
from .transfer import ReadableBuffer, WritableBuffer
from .waiter import Direction


class BufferChannel(Channel):
    """A file in memory, with one position for reading and writing, which starts at 0. Never waits.

    data: its initial contents.
    """

    features = Feature.SEEKABLE

    def __init__(self, data: bytes = b"") -> None:
        super().__init__()
        self._memory = io.BytesIO(data)

    @property
    def data(self) -> bytes:
        """The whole contents, whatever the position, and also after `close`."""
        return self._memory.getvalue()

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int:
        return sum(map(self._memory.readinto, buffers))

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int:
        return sum(map(self._memory.write, buffers))

    def _wait_on(self, direction: Direction) -> None:  # noqa: ARG002
        return None

    def _seek(self, offset: int, whence: int) -> int:
        return self._memory.seek(offset, whence)

    def _dispose(self) -> None:
        pass
