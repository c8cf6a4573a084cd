"""The listening kind: sockets that accept connections (QEMU: QIOChannelSocket, which is both)."""

import io
import socket
from collections.abc import Iterable, Sequence

from .base import Channel
from .descriptors import OwnedFd
from .feature import Feature
from .socket import SocketChannel
from .transfer import ReadableBuffer, WritableBuffer
from .waiter import Direction, is_ready


class SocketListener(Channel):
    """A listening socket: accepts channels, and carries no data itself. Owns `sock`, and leaves its mode as it is.

    If `sock` is in blocking mode and other processes accept from it too, `accept` may block: accept(2) has no flag
    against that.
    """

    features = Feature.LISTEN

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock

    async def accept(self) -> SocketChannel:
        """The next connection. Raises OSError as accept(2) does, EMFILE for example; the listener stays usable."""
        while True:
            self._lifetime.hold()
            try:
                if is_ready(self._socket.fileno(), Direction.READ):
                    return SocketChannel(self._socket.accept()[0])
            except (BlockingIOError, ConnectionAbortedError):
                pass
            finally:
                self._lifetime.release()
            await self.wait(Direction.READ)

    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None:  # noqa: ARG002
        raise io.UnsupportedOperation("a listening socket carries no data: read from a connection that it accepts")

    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None:  # noqa: ARG002
        raise io.UnsupportedOperation("a listening socket carries no data: write to a connection that it accepts")

    def _wait_on(self, direction: Direction) -> tuple[int, Direction]:
        return self._socket.fileno(), direction

    def _dispose(self) -> None:
        self._socket.close()
