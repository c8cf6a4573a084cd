"""Writes to the journal, with fields, in its own protocol (systemd, "Native Journal Protocol").

An entry is one datagram of NAME=value lines; a value with newlines is sent as name, newline, length (64-bit
little-endian), value. An entry too large for a datagram is sent as a sealed memfd.
"""

import array
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

_SOCKET = "/run/systemd/journal/socket"


def stderr_is_journal() -> bool:
    """Whether systemd connected this process's stderr to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(2)
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


class Journal:
    """A socket to send to the journal. It is not connected, so the next entry finds a journal that was restarted.

    Raises FileNotFoundError if there is none.
    """

    def __init__(self, path: str = _SOCKET) -> None:
        Path(path).stat()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def send(self, fields: Mapping[str, str]) -> None:
        """Write one entry; may block while the journal is busy. Raises OSError while there is no journal."""
        entry = b"".join(_encode(name, value.encode(errors="replace")) for name, value in fields.items())
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_as_file(entry)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send_as_file(self, entry: bytes) -> None:
        fd = os.memfd_create("prhelper-journal", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(entry)
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
            rights = array.array("i", [fd]).tobytes()
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], 0, self._path)
        finally:
            os.close(fd)


def _encode(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name.encode() + b"=" + value + b"\n"
