"""A socket whose close(2) blocks, for a client to pass on."""

import contextlib
import socket
import struct
from collections.abc import Iterator

LINGER = 30
"""Seconds that close(2) waits for the unsent data of such a socket: longer than any test."""


@contextlib.contextmanager
def socket_that_blocks_when_closed() -> Iterator[socket.socket]:
    """A TCP socket with SO_LINGER and data that nobody reads; what blocks in its close ends with the context."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as ours:
        ours.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER))
            ours.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while ours.send(bytes(1 << 16)):
                    pass
            ours.setblocking(True)
            yield ours
