"""The kinds of channel that the conformance suite runs over: each a maker of a connected pair.

To add a kind, write a maker and append a Kind to KINDS. Bytes written to the pair's writer must arrive at its reader;
the other way need not exist.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from prhelper.channel import Channel, CommandChannel, Direction, FileChannel, SocketChannel, TlsChannel

from . import tls_ends
from .watching import number_of


@dataclass(frozen=True)
class Pair:
    """Two channels: what is written to `writer` arrives at `reader`."""

    reader: Channel
    writer: Channel

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


@dataclass(frozen=True)
class Kind:
    """A kind of channel.

    make: a fresh pair, with buffers as small as it can do with.
    cut: lets the writer vanish so that the reader can tell it from a clean end; None if no such thing can happen.
    """

    name: str
    make: Callable[[], Pair]
    cut: Callable[[Pair], None] | None = None


def unix_pair() -> Pair:
    """A pair of Unix sockets."""
    return _pair(*socket.socketpair(), 1)


def tcp_pair(address: str = "127.0.0.1", family: socket.AddressFamily = socket.AF_INET) -> Pair:
    """A pair of TCP sockets on the loopback interface."""
    with socket.create_server((address, 0), family=family) as listener:
        near = socket.create_connection(listener.getsockname()[:2])
        far, _ = listener.accept()
    return _pair(near, far, 32768)  # with less, TCP lets whole seconds pass before it sends on


def tcp6_pair() -> Pair:
    """The same over IPv6."""
    with ipv6_wanted():
        return tcp_pair("::1", socket.AF_INET6)


@contextlib.contextmanager
def ipv6_wanted() -> Iterator[None]:
    """Skip the test where binding to ::1 says that there is no IPv6: a kernel, or a container, may be without."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            pytest.skip("the loopback interface has no IPv6 here")
        raise


def pipe_pair() -> Pair:
    """The ends of a pipe."""
    reader, writer = FileChannel.pipe()
    fcntl.fcntl(number_of(reader), fcntl.F_SETPIPE_SZ, mmap.PAGESIZE)
    return Pair(reader, writer)


def command_pair() -> Pair:
    """A process that reads a FIFO, and what it writes to its standard output."""
    with tempfile.TemporaryDirectory() as directory:
        fifo = Path(directory) / "fifo"
        os.mkfifo(fifo)
        reader = CommandChannel.spawn(["cat", fifo], Direction.READ, patience=0.01)
        writer = FileChannel.open(fifo, os.O_WRONLY)
    return Pair(reader, writer)


def _pair(near: socket.socket, far: socket.socket, buffer_size: int) -> Pair:
    for sock in near, far:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_size)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
    return Pair(SocketChannel(near), SocketChannel(far))


def tls_pair() -> Pair:
    """The two ends of TLS over a pair of Unix sockets: the reader is the client."""
    inner = unix_pair()
    return Pair(*tls_ends.connected(inner.reader, inner.writer))


def reset(pair: Pair) -> None:
    """Close a socket that still had something to read: the kernel resets the connection."""
    pair.reader.writev([b"unread"])
    pair.writer.close()


def truncate(pair: Pair) -> None:
    """End the stream under TLS without its close_notify."""
    assert isinstance(pair.writer, TlsChannel)
    pair.writer._inner.shutdown()


def clog(channel: Channel) -> int:
    """Write until it would block: how many bytes."""
    written = 0
    while (count := channel.writev([bytes(4096)])) is not None:
        written += count
    return written


def drain(channel: Channel) -> bytes:
    """Read until it would block."""
    data = b""
    buffer = bytearray(65536)
    while count := channel.readv([buffer]):
        data += buffer[:count]
    return data


KINDS = (
    Kind("unix", unix_pair, reset),
    Kind("tcp", tcp_pair, reset),
    Kind("tcp6", tcp6_pair, reset),
    Kind("pipe", pipe_pair),
    Kind("command", command_pair),
    Kind("tls", tls_pair, truncate),
)
