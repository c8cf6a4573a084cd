"""Ownership of file descriptors: received over a socket, owned by exactly one object, closed on every path."""

import array
import os
import socket
import warnings
from collections.abc import Iterable
from typing import Self

_SOL_SOCKET, _SCM_RIGHTS = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS)
_INT_SIZE = array.array("i").itemsize


class OwnedFd:
    """A file descriptor with one owner.

    The owner of the object owns the descriptor, until `close` or `detach`. The object forgets the number before it
    closes, so that a second `close` cannot close another file that has been given the same number since. Closing a
    device's descriptor may block without limit.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """The number, which stays owned by this object; -1 after `close` or `detach`."""
        return self._fd

    def detach(self) -> int:
        """Return the number, which the caller owns from then on."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close the descriptor. May be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # Linux has released the number whatever close(2) returns; a late write error is of no interest here.
            try:  # noqa: SIM105 (once per request, and three times as fast as suppress)
                os.close(fd)
            except OSError:
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._fd >= 0:
            warnings.warn(f"descriptor {self._fd} was never closed", ResourceWarning, source=self, stacklevel=2)
            self.close()

    def __repr__(self) -> str:
        return f"OwnedFd({self._fd})"


def control_space(count: int) -> int:
    """The size of a control buffer for `count` descriptors."""
    return socket.CMSG_SPACE(count * _INT_SIZE)


def pack_rights(fds: Iterable[int]) -> list[tuple[int, int, bytes]]:
    """The ancillary data for sendmsg(2) that passes duplicates of `fds`; empty if there are none."""
    packed = array.array("i", fds)
    return [(_SOL_SOCKET, _SCM_RIGHTS, packed.tobytes())] if packed else []


def unpack_rights(ancillary: Iterable[tuple[int, int, bytes]]) -> list[OwnedFd]:
    """Take ownership of every descriptor in the ancillary data of one recvmsg(2)."""
    owned: list[OwnedFd] = []
    for level, kind, data in ancillary:
        if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
            owned += map(OwnedFd, array.array("i", data[: len(data) // _INT_SIZE * _INT_SIZE]))
    return owned
