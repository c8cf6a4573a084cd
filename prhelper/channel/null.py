"""The null kind: discards what is written, reads as empty (QEMU: QIOChannelNull)."""

from collections.abc import Iterable, Sequence

from .base import Channel
from .descriptors import OwnedFd
from .feature import Feature
from .transfer import ReadableBuffer, WritableBuffer
from .waiter import Direction


class NullChannel(Channel):
    """Discards what is written; reading finds the end; seeking does nothing. Never waits."""

    features = Feature.SEEKABLE

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int:  # noqa: ARG002
        return 0

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int:
        return sum(memoryview(buffer).nbytes for buffer in buffers)

    def _wait_on(self, direction: Direction) -> None:  # noqa: ARG002
        return None

    def _seek(self, offset: int, whence: int) -> int:  # noqa: ARG002
        return 0

    def _dispose(self) -> None:
        pass
