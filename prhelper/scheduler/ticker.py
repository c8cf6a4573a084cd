"""A clock that ticks while it is wanted: timerfd_create(2), which Python itself has only since 3.13."""

import ctypes
import os
import time

_CLOEXEC = os.O_CLOEXEC  # TFD_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class Ticker:
    """Ticks each `interval` seconds between `start` and `stop`, which any thread may call; one thread waits for ticks.

    Nobody is woken by `start`: that is what makes it cheap.
    """

    def __init__(self, interval: float) -> None:
        each = _Timespec(int(interval), int(interval % 1 * 1_000_000_000))
        self._running = ctypes.byref(_Itimerspec(each, each))
        self._at_once = ctypes.byref(_Itimerspec(each, _Timespec(0, 1)))
        self._stopped = ctypes.byref(_Itimerspec())
        self._fd = _libc.timerfd_create(time.CLOCK_MONOTONIC, _CLOEXEC)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def start(self) -> None:
        """Tick, for the first time an interval from now."""
        _libc.timerfd_settime(self._fd, 0, self._running, None)

    def start_at_once(self) -> None:
        """Tick, for the first time now."""
        _libc.timerfd_settime(self._fd, 0, self._at_once, None)

    def stop(self) -> None:
        """Tick no more until `start`."""
        _libc.timerfd_settime(self._fd, 0, self._stopped, None)

    def wait(self) -> None:
        """Wait for the next tick; those that nobody waited for count as one."""
        os.read(self._fd, 8)

    def close(self) -> None:
        """Close the descriptor; nobody may wait any more."""
        os.close(self._fd)
