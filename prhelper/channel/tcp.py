"""Sockets by host and port, IPv4 and IPv6: connecting and listening. `socket` does the rest."""

import errno
import os
import socket
from typing import Any

from .context import current_context
from .listener import SocketListener
from .socket import SocketChannel
from .waiter import Direction, Waiter, is_ready


async def connect_tcp(host: str, port: int, deadline: float | None = None) -> SocketChannel:
    """Connect to the first address of `host` that answers, tried in the resolver's order.

    `deadline` is a time of `time.monotonic`. It cannot interrupt the resolver, which is a blocking call. Raises
    TimeoutError past it, and OSError if no address answers: that of the last one tried.
    """
    addresses = await current_context().call(
        ("resolve", host), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    failures: list[OSError] = []
    for family, kind, protocol, _, address in addresses:
        try:
            return await _connect(socket.socket(family, kind, protocol), address, deadline)
        except OSError as failure:
            failures.append(failure)
    raise failures[-1]


async def _connect(sock: socket.socket, address: Any, deadline: float | None) -> SocketChannel:
    sock.setblocking(False)
    try:
        started = sock.connect_ex(address)
        while started == errno.EINPROGRESS and not is_ready(sock.fileno(), Direction.WRITE):
            await current_context().wait(Waiter(sock.fileno(), Direction.WRITE, deadline))
        if error := _failure(sock, started):
            raise OSError(error, os.strerror(error), f"{address[0]} port {address[1]}")
    except BaseException:
        sock.close()
        raise
    return SocketChannel(sock)


def _failure(sock: socket.socket, started: int) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if started == errno.EINPROGRESS else started


class TcpListener(SocketListener):
    """Listens on one local address.

    address: in numeric form. An IPv6 address, "::" included, takes no IPv4 connections.
    port: 0 for a free one, which the attribute `port` then holds.
    backlog: the most connections that may wait to be accepted.

    Raises OSError, also for an `address` that is not numeric.
    """

    def __init__(self, address: str, port: int, backlog: int = 128) -> None:
        # Looking up a name may take long.
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][0]
        sock = socket.create_server((address, port), family=family, backlog=backlog)
        sock.setblocking(False)  # while it is not shared
        super().__init__(sock)
        self.address, self.port = self._socket.getsockname()[:2]
