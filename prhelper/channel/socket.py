"""The socket kind: stream sockets, Unix ones with descriptors (QEMU: QIOChannelSocket).

The socket keeps whatever mode it has: each call asks not to block by itself (MSG_DONTWAIT), so that a socket shared
with another process, which may expect it to block, is left as it was found. The one exception is a read that blocks
for a moment in place of a wait (`SkippableWaiter`): from then on, until `detach`, the socket has a receive timeout.
"""

import contextlib
import errno
import fcntl
import math
import os
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from .base import Channel
from .context import pause
from .descriptors import OwnedFd, control_space, pack_rights, unpack_rights
from .errors import BrokenResourceError, DescriptorsTruncatedError, ShortageError
from .feature import Feature
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import MOST_BUFFERS
from .waiter import Direction, Waiter

T = TypeVar("T")
W = TypeVar("W")

PATIENCE = 0.001
"""Seconds for which a read blocks in place of a wait. The kernel makes one of its own ticks of it, up to 10 ms."""

_FIRST_DELAY = 0.001
_LONGEST_DELAY = 0.05
"""Seconds before another try to connect to where the backlog is full."""

_MOST_FDS = 16
"""Room for descriptors in one read, as QEMU's channel has it."""

_ROOM = control_space(_MOST_FDS)
# Plain integers: an operation on the socket module's own enumeration costs as much as a small system call.
_RECV_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_BLOCKING_RECV_FLAGS = int(socket.MSG_CMSG_CLOEXEC)
_SEND_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_TRUNCATED = int(socket.MSG_CTRUNC)
_HOW = {Direction.READ: socket.SHUT_RD, Direction.WRITE: socket.SHUT_WR, None: socket.SHUT_RDWR}
_UCRED = struct.Struct("3i")
_SHORTAGES = (errno.ENOBUFS, errno.ENOMEM)
_TIMEVAL = struct.Struct("@ll")
_RECEIVE_TIMEOUT = _TIMEVAL.pack(0, int(PATIENCE * 1_000_000))


class SkippableWaiter(Waiter):
    """A wait for the next message that a stepper may skip: the read that follows then blocks, for PATIENCE at most.

    That is one system call in place of two, and gains 10-20 % where the next message comes at once, as from a client
    with a slow device. It is for a stepper whose thread has nothing else to do; if the read was in vain, the wait that
    follows must not be skipped.
    """

    __slots__ = ("skipped",)

    def __init__(self, fd: int) -> None:
        super().__init__(fd, Direction.READ, None)
        self.skipped = False

    def skip(self) -> None:
        """Have the read block, once the coroutine is resumed."""
        self.skipped = True


class SocketChannel(Channel):
    """A connected stream socket. Owns `sock`, which may be blocking or not, and leaves that as it is."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._found_timeout: bytes | None = None  # before the first read that blocks
        self.features = Feature.SHUTDOWN
        self._passes_fds = sock.family == socket.AF_UNIX  # over others the kernel drops them without a word
        if self._passes_fds:
            self.features |= Feature.FD_PASS
        elif sock.family in (socket.AF_INET, socket.AF_INET6):
            self.features |= Feature.DELAY

    @classmethod
    def adopt(cls, fd: int) -> Self:
        """Take over a connected socket by its number. Raises OSError if it is no socket, and then `fd` stays yours."""
        return cls(socket.socket(fileno=fd))

    def detach(self) -> socket.socket:
        """Close the channel but not its socket, which the caller owns from then on.

        A channel buffers nothing: bytes and descriptors that have arrived and were not read are still in the socket. So
        a conversation at rest (`quiesce`) can go on in another process, which is passed the socket.

        Raises BusyResourceError, and leaves the channel open, while a coroutine waits on it, its home loop still
        watches it, or another thread is in one of its methods. A method that another thread calls at this very moment
        may raise ClosedResourceError all the same.
        """
        self._lifetime.end_undisposed()
        if self._found_timeout is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, self._found_timeout)
        return self._socket

    @classmethod
    async def connect(cls, path: str | Path, deadline: float | None = None) -> Self:
        """Connect to a Unix socket. Raises OSError if nobody listens there, TimeoutError past the deadline."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await _connect(sock, path, deadline)
            sock.setblocking(True)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def read_next(self, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        """As every channel's, with a wait that a stepper may skip."""
        if fds is not None and not self._passes_fds:
            self._refuse_descriptors()
        while True:
            self._lifetime.hold()
            try:
                waiter = SkippableWaiter(self._socket.fileno())
                due = self._message_due(await self._suspend(Direction.READ, waiter, until_quiesced=True))
                if due is False:
                    return None
                read = self._read_blocking if waiter.skipped else self._read
                if due and (data := read(size, fds)) is not None:
                    return data
            finally:
                self._lifetime.release()

    def peer_credentials(self) -> tuple[int, int, int]:
        """pid, uid and gid of the process that connected, as they were then (SO_PEERCRED, unix(7)).

        The pid is 0 where the peer is in a pid namespace that cannot be seen from here.
        """
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, gid = _UCRED.unpack(raw)
        return pid, uid, gid

    def fileno(self) -> int:
        """The number of the descriptor, which stays the channel's."""
        return self._socket.fileno()

    def unread(self) -> int:
        """How many bytes have arrived and have not been read (FIONREAD)."""
        answer = fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(answer, sys.byteorder)

    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None:
        return _receive(self._socket.recvmsg_into, buffers[:MOST_BUFFERS], _RECV_FLAGS, fds)

    def _read(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        return _receive(self._socket.recvmsg, size, _RECV_FLAGS, fds)

    def _read_blocking(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        if self._found_timeout is None:
            self._found_timeout = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.size)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _RECEIVE_TIMEOUT)
        return _receive(self._socket.recvmsg, size, _BLOCKING_RECV_FLAGS, fds)

    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None:
        try:
            if len(buffers) == 1 and not fds:
                return self._socket.send(buffers[0], _SEND_FLAGS)
            return self._socket.sendmsg(buffers[:MOST_BUFFERS], pack_rights(fds), _SEND_FLAGS)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _SHORTAGES:
                raise ShortageError from error
            if error.errno == errno.EBADF:  # in `fds`: the caller's fault, the connection is as good as before
                raise
            raise BrokenResourceError from error

    def _wait_on(self, direction: Direction) -> tuple[int, Direction]:
        return self._socket.fileno(), direction

    def _shutdown(self, direction: Direction | None) -> None:
        with contextlib.suppress(OSError):  # ENOTCONN: the peer was faster
            self._socket.shutdown(_HOW[direction])

    def _set_delay(self, delay: bool) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not delay)

    def _set_cork(self, cork: bool) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, cork)

    def _dispose(self) -> None:
        self._socket.close()


async def _connect(sock: socket.socket, path: str | Path, deadline: float | None) -> None:
    """Try again and again while the backlog is full: no poll(2) can wait for room in it."""
    delay = _FIRST_DELAY
    while True:
        try:
            return sock.connect(os.fspath(path))
        except BlockingIOError:
            left = math.inf if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"connecting to {path} took too long")
        await pause(min(delay, left))
        delay = min(2 * delay, _LONGEST_DELAY)


def _receive(
    call: Callable[[W, int, int], tuple[T, list[tuple[int, int, bytes]], int, Any]],
    what: W,
    how: int,
    fds: list[OwnedFd] | None,
) -> T | None:
    try:
        received, ancillary, flags, _ = call(what, 0 if fds is None else _ROOM, how)
    except BlockingIOError:
        return None
    except OSError as error:
        raise BrokenResourceError from error
    # Where not one descriptor may be open any more, none arrives: nothing but the flag tells.
    if fds is not None and (ancillary or flags & _TRUNCATED):
        _take_descriptors(ancillary, flags, fds)
    return received


def _take_descriptors(ancillary: list[tuple[int, int, bytes]], flags: int, fds: list[OwnedFd]) -> None:
    received = unpack_rights(ancillary)
    try:
        if flags & _TRUNCATED:
            raise DescriptorsTruncatedError(
                f"descriptors that did not arrive: more than the {_MOST_FDS} there is room for, or than may be open, "
                "or denied by a security module"
            )
        for fd in received:
            # O_NONBLOCK travels with the open file; whoever reads from the descriptor here expects it to block.
            if not os.get_blocking(fd.fileno()):
                os.set_blocking(fd.fileno(), True)
    except BaseException:
        for fd in received:
            fd.close()
        raise
    fds += received
