"""The way: a pair of connected sockets whose queue the kernel keeps, of whole messages with descriptors.

A message that was taken out is gone, and what was not taken out is still there for the next process. So a connection
is in exactly one place at any time, however either side ends, and hung up on if that place was a process that is
killed.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from typing import BinaryIO

from ..channel.descriptors import OwnedFd, control_space, pack_rights, unpack_rights
from .message import MAX_FDS

MAX_SIZE = 65_536
"""Bytes of one message, at least: as many connections go into one as fit, and one always does."""

_BUFFER = 4 * 1024 * 1024
"""Bytes to ask for; the kernel gives as many as net.core.wmem_max allows, and counts its own overhead."""

NOT_ARRIVED = "their descriptors did not arrive (LimitNOFILE=, ulimit -n; the policy of AppArmor or SELinux)"

_RECEIVE_SIZE = 4 * MAX_SIZE
_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS)


class Received:
    """One message, and those of its descriptors that arrived; its holder owns them.

    is_whole: whether all arrived: not if no more may be open, or a security module forbids one.
    """

    def __init__(self, data: bytes, fds: list[OwnedFd], is_whole: bool = True) -> None:
        self.data = data
        self.fds = fds
        self.is_whole = is_whole

    def take(self) -> OwnedFd:
        """The next descriptor; the caller's from then on."""
        return self.fds.pop(0)


def pair() -> tuple[socket.socket, socket.socket]:
    """A mailbox: the end to put into, and the end to take from. Neither blocks."""
    giving, taking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    giving.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return giving, taking


def put(giving: socket.socket, data: bytes, fds: Sequence[int]) -> bool:
    """Put in a message with duplicates of `fds`. False if there is no room. Raises OSError if it cannot be taken."""
    try:
        giving.sendmsg([data], pack_rights(fds), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError as error:
        if error.errno in _NO_ROOM:
            return False
        raise
    return True


def take(taking: socket.socket) -> Received | None:
    """Take out the next message; None at the end. Raises BlockingIOError if there is none now, OSError otherwise."""
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    while True:
        with contextlib.suppress(ConnectionResetError):  # said once, if something was left unread at the other end
            data, ancillary, told, _ = taking.recvmsg(_RECEIVE_SIZE, control_space(MAX_FDS + 3), flags)
            return Received(data, unpack_rights(ancillary), not told & socket.MSG_CTRUNC) if data else None


def file_of(data: bytes) -> BinaryIO:
    """A file in memory, for what is larger than a message."""
    file = os.fdopen(os.memfd_create("handover"), "w+b")
    try:
        file.write(data)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def content_of(received: Received | None) -> bytes | None:
    """What is in the file that came with a message; None if there is no message. Raises OSError."""
    if received is None:
        return None
    if not received.fds:
        raise OSError(errno.EMFILE, NOT_ARRIVED)
    with os.fdopen(received.take().detach(), "rb") as file:
        file.seek(0)  # the position came along
        return file.read()
