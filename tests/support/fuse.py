"""A file on a file system of the test's own (FUSE), which reads as zeros and takes no bytes before the test says so.

    with HeldFile(tmp_path / "held") as held:
        ...                                    # who writes, or unmaps what he has written to, waits in the kernel
        held.wait()                            # there is one

Needs root and /dev/fuse: `HeldFile` raises OSError without. When the test's process ends, the kernel ends the waits.
"""

import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import threading
from pathlib import Path
from typing import Self

_LIBC = ctypes.CDLL(None, use_errno=True)
_MS_NOSUID, _MS_NODEV, _MNT_DETACH = 2, 4, 2

_IN = struct.Struct("<IIQQIII4x")  # length, opcode, unique, node, uid, gid, pid
_OUT = struct.Struct("<IiQ")  # length, error, unique
_ATTR = struct.Struct("<QQQ QQQ III III II II")  # ino, size, blocks, times, their fractions, mode, nlink, uid, gid...
_INIT = struct.Struct("<IIIIHHIIHH28x")  # as of 7.23
_GETATTR, _OPEN, _READ, _WRITE, _INIT_OP = 3, 14, 15, 16, 26

SIZE = 4096
"""Bytes of the file."""


class HeldFile:
    """The file, mounted over an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._written = threading.Event()
        self._over = threading.Event()
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode={stat.S_IFREG | 0o644:o},user_id=0,group_id=0,allow_other".encode()
        if _LIBC.mount(b"held", os.fsencode(path), b"fuse", _MS_NOSUID | _MS_NODEV, options) != 0:
            os.close(self._fd)
            raise OSError(ctypes.get_errno(), "mount")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until bytes are written."""
        assert self._written.wait(seconds)

    def close(self) -> None:
        """Unmount, and end the connection: whoever waits gets an error. May be called again."""
        if self._over.is_set():
            return
        _LIBC.umount2(os.fsencode(self.path), _MNT_DETACH)
        self._over.set()
        self._thread.join()
        os.close(self._fd)

    def __enter__(self) -> Self:
        self.path.stat()  # the kernel asks for the size; until then nothing can be read by a mapping
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while not self._over.is_set():
            if poll.poll(10):  # ms
                self._answer(os.read(self._fd, 1 << 17))

    def _answer(self, request: bytes) -> None:
        _, operation, unique, *_ = _IN.unpack_from(request)
        if operation == _WRITE:
            self._written.set()  # and no answer
            return
        data = b""
        if operation == _INIT_OP:
            data = _INIT.pack(7, 23, 0, 0, 1, 1, 1 << 16, 1, 0, 0)
        elif operation == _GETATTR:
            attributes = _ATTR.pack(1, SIZE, 8, 0, 0, 0, 0, 0, 0, stat.S_IFREG | 0o644, 1, 0, 0, 0, 4096, 0)
            data = struct.pack("<QII", 3600, 0, 0) + attributes
        elif operation == _OPEN:
            data = bytes(16)
        elif operation == _READ:
            data = bytes(SIZE)
        self._reply(unique, 0 if data else -errno.ENOSYS, data)

    def _reply(self, unique: int, error: int, data: bytes = b"") -> None:
        with contextlib.suppress(FileNotFoundError):  # the request was interrupted, or wants no answer
            os.write(self._fd, _OUT.pack(_OUT.size + len(data), error, unique) + data)
