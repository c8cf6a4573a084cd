"""The socket kind: stream sockets; Unix sockets pass descriptors (QEMU: QIOChannelSocket).

The socket keeps its mode, blocking or not, because another process may share it: each call itself asks not to block
(MSG_DONTWAIT). The exception is a read that briefly blocks in place of a wait (`SkippableWaiter`): from then on, until
`detach`, the socket has a receive timeout.
"""

import contextlib
import errno
import fcntl
import math
import os
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from .base import Channel
from .context import pause
from .descriptors import OwnedFd, pack_rights
from .errors import BrokenResourceError, ShortageError
from .feature import Feature
from .receive import Arrived, peek, receive
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import IOV_MAX
from .waiter import BETWEEN, Direction, Waiter

PATIENCE = 0.001
"""Seconds that a read blocks in place of a wait. The kernel rounds it up to one of its ticks, up to 10 ms."""

_MIN_RETRY_DELAY = 0.001
_MAX_RETRY_DELAY = 0.05
"""Seconds before retrying to connect while the listener's backlog is full."""

# Plain integers: an operation on the socket module's enumerations costs as much as a small system call.
_RECV_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_BLOCKING_RECV_FLAGS = int(socket.MSG_CMSG_CLOEXEC)
_SEND_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_SHUT = {Direction.READ: socket.SHUT_RD, Direction.WRITE: socket.SHUT_WR, None: socket.SHUT_RDWR}
_UCRED = struct.Struct("3i")
_SO_PEERPIDFD = 77  # include/uapi/asm-generic/socket.h
_SHORTAGES = (errno.ENOBUFS, errno.ENOMEM)
_TIMEVAL = struct.Struct("@ll")
_RECEIVE_TIMEOUT = _TIMEVAL.pack(0, int(PATIENCE * 1_000_000))


class SkippableWaiter(Waiter):
    """A wait for the next message that a stepper may skip: the read that follows then blocks, for PATIENCE at most.

    That saves a system call per message and, on slow devices, 10-20 % of the time. For a stepper whose thread has
    nothing else to do, and which does not skip the next wait if the read was in vain.
    """

    __slots__ = ("skipped",)

    def __init__(self, fd: int) -> None:
        super().__init__(fd, Direction.READ, None)
        self.skipped = False

    def skip(self) -> None:
        """Make the read block. The coroutine must be resumed next."""
        self.skipped = True


class SocketChannel(Channel):
    """A connected stream socket. Owns `sock`, which may be blocking or not, and leaves its mode as it is."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._socket = sock
        self._original_timeout: bytes | None = None  # SO_RCVTIMEO; None while it is unchanged
        self.features = Feature.SHUTDOWN
        self._passes_fds = sock.family == socket.AF_UNIX  # over others the kernel silently drops them
        if self._passes_fds:
            self.features |= Feature.FD_PASS
        elif sock.family in (socket.AF_INET, socket.AF_INET6):
            self.features |= Feature.DELAY

    @classmethod
    def adopt(cls, fd: int) -> Self:
        """Take ownership of a connected socket. Raises OSError if it is not a socket; the caller keeps `fd` then."""
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
        if self._original_timeout is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, self._original_timeout)
        return self._socket

    @classmethod
    async def connect(cls, path: str | Path, deadline: float | None = None) -> Self:
        """Connect to a Unix socket. Raises OSError if no process listens there, TimeoutError past the deadline."""
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
        """As in every channel, with a wait that a stepper may skip."""
        if fds is not None and not self._passes_fds:
            self._refuse_descriptors()
        while True:
            self._lifetime.hold()
            try:
                waiter = SkippableWaiter(self._socket.fileno())
                due = self._message_due(await self._suspend(Direction.READ, waiter, BETWEEN))
                if due is False:
                    return None
                read = self._read_blocking if waiter.skipped else self._read
                if due and (data := read(size, fds)) is not None:
                    return data
            finally:
                self._lifetime.release()

    def peer_credentials(self) -> tuple[int, int, int]:
        """PID, UID and GID of the process that connected, at that time (SO_PEERCRED, unix(7)).

        The PID is 0 if the peer is in a PID namespace that is not visible from here.
        """
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, gid = _UCRED.unpack(raw)
        return pid, uid, gid

    def peer_has_ended(self) -> bool:
        """Whether the process that connected has ended, although its PID may have been reused since (SO_PEERPIDFD).

        False where this cannot be told: before Linux 6.5, and while no more descriptors may be open.
        """
        try:
            process = OwnedFd(self._socket.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD))
        except OSError as error:  # EINVAL, from older kernels, and ESRCH: it has been waited for
            return error.errno in (errno.EINVAL, errno.ESRCH)
        with process:
            poll = select.poll()
            poll.register(process.fileno(), select.POLLIN)
            return bool(poll.poll(0))

    def peer_name(self) -> bytes:
        """The address that the peer's Unix socket is bound to, if any; it chooses that itself."""
        try:
            name = self._socket.getpeername()
        except OSError:  # it has gone already
            return b""
        return name if isinstance(name, bytes) else os.fsencode(name)

    def fileno(self) -> int:
        """The descriptor, which the channel continues to own."""
        return self._socket.fileno()

    def peek(self, size: int) -> Arrived | None:
        """What a read of `size` bytes would get, without taking it; None if it would block.

        Who wants no descriptors can find them here before they arrive: whoever has received one must close it, and that
        can block. Raises BrokenResourceError.
        """
        self._lifetime.hold()
        try:
            return peek(self._socket, size)
        finally:
            self._lifetime.release()

    def unread(self) -> int:
        """The number of bytes that have arrived and have not been read (FIONREAD)."""
        answer = fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(answer, sys.byteorder)

    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None:
        return receive(self._socket.recvmsg_into, buffers[:IOV_MAX], _RECV_FLAGS, fds)

    def _read(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        if fds is not None:
            return receive(self._socket.recvmsg, size, _RECV_FLAGS, fds)
        try:
            return self._socket.recv(size, _RECV_FLAGS)  # a sixth faster than recvmsg with a message
        except BlockingIOError:
            return None
        except OSError as error:
            raise BrokenResourceError from error

    def _read_blocking(self, size: int, fds: list[OwnedFd] | None) -> bytes | None:
        if self._original_timeout is None:
            self._original_timeout = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.size)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _RECEIVE_TIMEOUT)
        return receive(self._socket.recvmsg, size, _BLOCKING_RECV_FLAGS, fds)

    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None:
        try:
            if len(buffers) == 1 and not fds:
                return self._socket.send(buffers[0], _SEND_FLAGS)
            return self._socket.sendmsg(buffers[:IOV_MAX], pack_rights(fds), _SEND_FLAGS)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _SHORTAGES:
                raise ShortageError from error
            if error.errno == errno.EBADF:  # in `fds`: the caller's mistake; the connection is intact
                raise
            raise BrokenResourceError from error

    def _wait_on(self, direction: Direction) -> tuple[int, Direction]:
        return self._socket.fileno(), direction

    def _shutdown(self, direction: Direction | None) -> None:
        with contextlib.suppress(OSError):  # ENOTCONN: the peer has already gone
            self._socket.shutdown(_SHUT[direction])

    def _set_delay(self, delay: bool) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not delay)

    def _set_cork(self, cork: bool) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, cork)

    def _dispose(self) -> None:
        self._socket.close()


async def _connect(sock: socket.socket, path: str | Path, deadline: float | None) -> None:
    """Retry while the backlog is full: poll(2) cannot wait for room in it."""
    delay = _MIN_RETRY_DELAY
    while True:
        try:
            return sock.connect(os.fspath(path))
        except BlockingIOError:
            left = math.inf if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"connecting to {path} took too long")
        await pause(min(delay, left))
        delay = min(2 * delay, _MAX_RETRY_DELAY)
