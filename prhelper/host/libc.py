"""Functions of the C library that Python lacks, or not only calls: thin wrappers, with the kernel's names.

They raise OSError; with ENOSYS, where this C library lacks one of them, too.
"""

import ctypes
import errno
import os
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

# include/uapi/linux/sched.h
CLONE_FILES = 0x400

# include/uapi/linux/close_range.h
CLOSE_RANGE_UNSHARE = 2

# include/uapi/linux/prctl.h
PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_TFD_CLOEXEC = os.O_CLOEXEC

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_SIZE = 256
_STX_MASK, _STX_BTIME = struct.Struct("=I"), struct.Struct("=qI")  # at 0 and at 80

_NANOSECONDS = 1_000_000_000

_libc = ctypes.CDLL(None, use_errno=True)


class Capabilities(NamedTuple):
    """A thread's sets of capabilities, each with bit N for the capability of number N (capabilities(7))."""

    effective: int
    permitted: int
    inheritable: int


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class Itimerspec(ctypes.Structure):
    """When a timer expires. Make it with `itimerspec`."""

    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class _CapUserHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapUserData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _check(result: int, _function: object, _arguments: object) -> int:
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _declare(name: str, *argument_types: type) -> Callable[..., int]:
    function = getattr(_libc, name, None)
    if function is None:
        return _missing
    function.argtypes, function.errcheck = argument_types, _check
    checked: Callable[..., int] = function
    return checked


def _missing(*_: object) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


_long = ctypes.c_ulong
_itimerspec_p = ctypes.POINTER(Itimerspec)
_cap_user_p = ctypes.POINTER(_CapUserHeader), ctypes.POINTER(_CapUserData)

_capget = _declare("capget", *_cap_user_p)
_capset = _declare("capset", *_cap_user_p)
_close_range = _declare("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_int)
_ioctl = _libc.ioctl  # without `_check`, which would cost as much as the call
_ioctl.argtypes = ctypes.c_int, _long, ctypes.c_void_p
_prctl = _declare("prctl", ctypes.c_int, _long, _long, _long, _long)
_sched_getcpu = _declare("sched_getcpu")
_statx = _declare("statx", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
_timerfd_create = _declare("timerfd_create", ctypes.c_int, ctypes.c_int)
_timerfd_settime = _declare("timerfd_settime", ctypes.c_int, ctypes.c_int, _itimerspec_p, _itimerspec_p)
_unshare = _declare("unshare", ctypes.c_int)


def capget() -> Capabilities:
    """The calling thread's capabilities (capget(2))."""
    data = (_CapUserData * 2)()
    _capget(_CapUserHeader(_LINUX_CAPABILITY_VERSION_3, 0), data)
    low, high = data
    return Capabilities(*(getattr(high, field) << 32 | getattr(low, field) for field in Capabilities._fields))


def capset(capabilities: Capabilities) -> None:
    """Set the calling thread's capabilities (capset(2))."""
    data = (_CapUserData * 2)(
        *(_CapUserData(*(bits >> shift & 0xFFFF_FFFF for bits in capabilities)) for shift in (0, 32))
    )
    _capset(_CapUserHeader(_LINUX_CAPABILITY_VERSION_3, 0), data)


def close_range(first: int, last: int, flags: int) -> None:
    """Close each descriptor from `first` to `last` (close_range(2))."""
    _close_range(first, last, flags)


def ioctl(fd: int, request: int, address: int) -> None:
    """Call ioctl(2) once, with memory at `address`. `fcntl.ioctl` of Python 3.14 calls again after EINTR."""
    if _ioctl(fd, request, address) < 0:
        raise _error()


def prctl(option: int, argument: int = 0) -> int:
    """prctl(2), for options with one argument at most."""
    return _prctl(option, argument, 0, 0, 0)


def sched_getcpu() -> int:
    """The processor that the calling thread runs on (sched_getcpu(3))."""
    return _sched_getcpu()


def birth_time(fd: int) -> tuple[int, int] | None:
    """Seconds and nanoseconds at which a file was made; None if its file system does not say (statx(2), stx_btime)."""
    answer = ctypes.create_string_buffer(_STATX_SIZE)
    _statx(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, answer)
    (mask,) = _STX_MASK.unpack_from(answer)
    seconds, nanoseconds = _STX_BTIME.unpack_from(answer, 80)
    return (seconds, nanoseconds) if mask & _STATX_BTIME else None


def itimerspec(first: int, interval: int) -> Itimerspec:
    """A timer that expires `first` nanoseconds from now, and each `interval` after that; with 0 and 0, never."""
    return Itimerspec(_Timespec(*divmod(interval, _NANOSECONDS)), _Timespec(*divmod(first, _NANOSECONDS)))


def timerfd_create() -> int:
    """A timer's descriptor, close-on-exec, which the caller owns (timerfd_create(2), CLOCK_MONOTONIC)."""
    return _timerfd_create(time.CLOCK_MONOTONIC, _TFD_CLOEXEC)


def timerfd_settime(fd: int, when: Itimerspec) -> None:
    """Set a timer (timerfd_settime(2))."""
    _timerfd_settime(fd, 0, when, None)


def unshare(flags: int) -> None:
    """Give the calling thread copies of its own of what it shares (unshare(2))."""
    _unshare(flags)
