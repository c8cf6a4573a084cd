"""The SG_IO ioctl: one SCSI command sent straight to a device (the kernel's include/scsi/sg.h).

Other threads run while the device works. The calling thread must have all signals blocked: on /dev/sgN a signal
interrupts the ioctl, and a restarted ioctl sends the command a second time. So does `fcntl.ioctl` since Python 3.14,
which calls again after EINTR.
"""

import ctypes
import struct
import threading
from typing import NamedTuple

from ..host import libc
from .reservation import CDB_SIZE, MAX_DATA, MAX_LENGTH, Command
from .sense import SENSE_SIZE

SG_IO = 0x2285
SG_DXFER_NONE = -1
SG_DXFER_TO_DEV = -2
SG_DXFER_FROM_DEV = -3

_INTERFACE_ID = ord("S")

_FIRST_HALF = "@ii BBHI PPP II iP"
"""What the kernel reads of struct sg_io_hdr, in order:

interface_id, dxfer_direction; cmd_len, mx_sb_len, iovec_count, dxfer_len; dxferp, cmdp, sbp; timeout, flags; pack_id,
usr_ptr.
"""

_SECOND_HALF = "BBBB HHi II 0P"
"""What it writes: status, masked_status, msg_status, sb_len_wr; host_status, driver_status, resid; duration, info."""

HEADER_SIZE = struct.calcsize(_FIRST_HALF + _SECOND_HALF)
_READ_SIZE = struct.calcsize(_FIRST_HALF)
_REQUEST = struct.Struct(f"{_FIRST_HALF} {HEADER_SIZE - _READ_SIZE}x")
_ANSWER = struct.Struct(f"@{_READ_SIZE}x BxxB HHi")  # status, sb_len_wr; host_status, driver_status, resid


class SgIoResult(NamedTuple):
    """How a command ended that the kernel accepted.

    status: the device's SCSI status.
    host_status, driver_status: set by the adapter's driver and the kernel's SCSI midlayer; 0 if they have no complaint.
    sense: what the device sent, at most SENSE_SIZE bytes.
    resid: unused bytes of the buffer, according to the device's driver.
    data: what a read command returned, at most its allocation length.
    """

    status: int
    host_status: int
    driver_status: int
    sense: bytes
    resid: int
    data: bytes


_CDB, _SENSE, _DATA = HEADER_SIZE, 256, 512  # offsets in _Memory


class _Memory:
    """Memory for one command at a time: header, CDB, sense data, data. address: of the header."""

    __slots__ = ("_addresses", "_kind", "_request", "address", "data", "header", "header_and_cdb", "sense")

    def __init__(self, size: int = MAX_DATA) -> None:
        buffer = ctypes.create_string_buffer(_DATA + size)
        address = self.address = ctypes.addressof(buffer)
        whole = memoryview(buffer).cast("B")
        self.header = whole[:HEADER_SIZE]
        self.header_and_cdb = whole[: HEADER_SIZE + CDB_SIZE]
        self.sense = whole[_SENSE : _SENSE + SENSE_SIZE]
        self.data = whole[_DATA:]
        self._addresses = address + _DATA, address + _CDB, address + _SENSE
        self._kind: tuple[int, int, float] | None = None
        self._request = b""

    def request(self, direction: int, size: int, timeout: float) -> bytes:
        """The header of a command, cached: nearly all commands are of the same kind as the one before."""
        kind = direction, size, timeout
        if kind != self._kind:
            lengths = CDB_SIZE, SENSE_SIZE, 0, size
            self._request = _REQUEST.pack(
                _INTERFACE_ID, direction, *lengths, *self._addresses, round(timeout * 1000), 0, 0, 0
            )
            self._kind = kind
        return self._request


class _Thread(threading.local):
    """One memory per thread: a thread stuck in the kernel keeps its own."""

    def __init__(self) -> None:
        self.memory = _Memory()


_thread = _Thread()


def send_command(fd: int, command: Command, timeout: float) -> SgIoResult:
    """Send a command of either kind; `timeout`: seconds. Raises OSError if the kernel refuses it."""
    if command.is_out:
        return write_command(fd, command.cdb, command.parameter_list, timeout)
    return read_command(fd, command.cdb, command.length, timeout)


def read_command(fd: int, cdb: bytes, allocation_length: int, timeout: float) -> SgIoResult:
    """Send a command that reads. `cdb`: CDB_SIZE bytes; `timeout`: seconds. Raises OSError if the kernel refuses it.

    Like qemu-pr-helper, this gives the kernel a buffer of MAX_DATA, however small the allocation length is, so that a
    device that sends more than it was asked for does not overrun it.
    """
    _require_room(allocation_length, MAX_LENGTH)
    size = max(allocation_length, MAX_DATA)
    memory = _thread.memory if size == MAX_DATA else _Memory(size)
    memory.data[:allocation_length] = bytes(allocation_length)  # a device that sends less leaks no earlier answer
    return _submit(memory, fd, cdb, SG_DXFER_FROM_DEV, size, timeout, allocation_length)


def write_command(fd: int, cdb: bytes, data: bytes, timeout: float) -> SgIoResult:
    """Send a command that writes; `cdb`, `timeout` as for `read_command`. Raises OSError if the kernel refuses it."""
    size = len(data)
    _require_room(size, MAX_DATA)
    memory = _thread.memory
    memory.data[:size] = data
    return _submit(memory, fd, cdb, SG_DXFER_TO_DEV if data else SG_DXFER_NONE, size, timeout, 0)


def _require_room(size: int, room: int) -> None:
    if size > room:
        raise ValueError(f"{size} bytes are more than the {room} that one command can move")


def _submit(
    memory: _Memory, fd: int, cdb: bytes, direction: int, size: int, timeout: float, allocation_length: int
) -> SgIoResult:
    header = memory.header
    memory.header_and_cdb[:] = memory.request(direction, size, timeout) + cdb
    libc.ioctl(fd, SG_IO, memory.address)
    status, sense_length, host_status, driver_status, resid = _ANSWER.unpack_from(header)
    sense = memory.sense[:sense_length].tobytes() if sense_length else b""
    received = min(size - resid, allocation_length)
    data = memory.data[:received].tobytes() if received > 0 else b""
    return SgIoResult(status, host_status, driver_status, sense, resid, data)
