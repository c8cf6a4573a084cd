"""A flag between threads that poll(2), epoll(7) and event loops can wait for."""

import contextlib
import os
import threading
from typing import Self


class EventFd:
    """A flag that any thread may set, readable for poll(2) once it is (eventfd(2)). Close it in the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """The descriptor, readable while the flag is set."""
        return self._fd

    def set(self) -> None:
        """Set the flag. Does nothing after `close`."""
        with self._lock:
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
