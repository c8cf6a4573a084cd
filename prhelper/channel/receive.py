"""Receiving from a socket, with the descriptors that come along."""

import os
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from .descriptors import OwnedFd, control_space, unpack_rights
from .errors import BrokenResourceError, DescriptorsTruncatedError

T = TypeVar("T")
W = TypeVar("W")

_MAX_FDS = 16
"""The most descriptors in one read, as in QEMU's channel."""

_CONTROL_SIZE = control_space(_MAX_FDS)
_TRUNCATED = int(socket.MSG_CTRUNC)  # a plain integer: an enumeration's operations cost as much as a small system call

_PEEK_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_PEEK)


class Arrived(NamedTuple):
    """What has arrived and was not read.

    size: in bytes, 0 at the end. has_descriptors: whether any come with these or, as the kernel has it, right after.
    """

    size: int
    has_descriptors: bool


def peek(sock: socket.socket, size: int) -> Arrived | None:
    """What a read of `size` bytes would get; None if it would block. Raises BrokenResourceError."""
    try:
        data, _, flags, _ = sock.recvmsg(size, 0, _PEEK_FLAGS)
    except BlockingIOError:
        return None
    except OSError as error:
        raise BrokenResourceError from error
    return Arrived(len(data), bool(flags & _TRUNCATED))


def receive(
    call: Callable[[W, int, int], tuple[T, list[tuple[int, int, bytes]], int, Any]],
    space: W,
    flags: int,
    fds: list[OwnedFd] | None,
) -> T | None:
    """Receive by `call`, one of recvmsg's kind, and take descriptors into `fds` if that is a list.

    Returns what `call` received; None if it would block. Raises BrokenResourceError, or DescriptorsTruncatedError if a
    descriptor did not arrive.
    """
    try:
        received, ancillary, received_flags, _ = call(space, 0 if fds is None else _CONTROL_SIZE, flags)
    except BlockingIOError:
        return None
    except OSError as error:
        raise BrokenResourceError from error
    # At the limit of open files (RLIMIT_NOFILE) no descriptor arrives, and only the flag says so.
    if fds is not None and (ancillary or received_flags & _TRUNCATED):
        _take_descriptors(ancillary, received_flags, fds)
    return received


def _take_descriptors(ancillary: list[tuple[int, int, bytes]], flags: int, fds: list[OwnedFd]) -> None:
    received = unpack_rights(ancillary)
    try:
        if flags & _TRUNCATED:
            raise DescriptorsTruncatedError(
                f"descriptors that did not arrive: more than the {_MAX_FDS} there is room for, or than may be open, "
                "or denied by a security module"
            )
        for fd in received:
            # O_NONBLOCK travels with the open file description; code that uses the descriptor here expects it to block.
            if not os.get_blocking(fd.fileno()):
                os.set_blocking(fd.fileno(), True)
    except BaseException:
        for fd in received:
            fd.close()
        raise
    fds += received
