"""Sockets by host and port: IPv4 and IPv6, connecting and listening. What they carry, `socket` does."""

import errno
import os
import socket
from typing import Any

from .context import current_context
from .listener import SocketListener
from .socket import SocketChannel
from .waiter import Direction, Waiter, is_ready


async def connect_tcp(host: str, port: int, deadline: float | None = None) -> SocketChannel:
    """Connect to the first address of `host` that answers, tried one after another as the resolver gives them.

    The deadline is a time of `time.monotonic`; resolving a name is a blocking call, which it cannot cut off. Raises
    TimeoutError past it, and OSError if nobody answers: for several addresses, what the last one said.
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
    """Listens on one address of this machine.

    address: where it listens, as numbers. An IPv6 one, "::" too, takes no IPv4 connections.
    port: 0 for one that is free; `port` then tells which.
    backlog: connections that may wait to be accepted.

    Raises OSError, also for a host that is no numeric address.
    """

    def __init__(self, address: str, port: int, backlog: int = 128) -> None:
        # A name would have to be looked up, and that may take long.
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][0]
        sock = socket.create_server((address, port), family=family, backlog=backlog)
        sock.setblocking(False)  # before anybody shares it
        super().__init__(sock)
        self.address, self.port = self._socket.getsockname()[:2]
