"""The SG_IO ioctl: one SCSI command sent straight to a device (the kernel's include/scsi/sg.h).

`fcntl.ioctl` releases the GIL, so other threads run while the device works. The thread that calls must have every
signal blocked: on /dev/sgN a signal interrupts the ioctl, and a restarted ioctl sends the command a second time.
"""

import ctypes
import enum
import fcntl
import struct
import threading
from typing import NamedTuple

from .reservation import CDB_SIZE
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


class HostStatus(enum.IntEnum):
    """What the host adapter's driver says (the kernel's include/scsi/scsi_status.h); DID_OK is 0."""

    NO_CONNECT = 0x01
    BUS_BUSY = 0x02
    TIME_OUT = 0x03
    BAD_TARGET = 0x04
    ABORT = 0x05
    PARITY = 0x06
    ERROR = 0x07
    RESET = 0x08
    BAD_INTR = 0x09
    PASSTHROUGH = 0x0A
    SOFT_ERROR = 0x0B
    IMM_RETRY = 0x0C
    REQUEUE = 0x0D
    TRANSPORT_DISRUPTED = 0x0E
    TRANSPORT_FAILFAST = 0x0F
    TARGET_FAILURE = 0x10
    NEXUS_FAILURE = 0x11
    ALLOC_FAILURE = 0x12
    MEDIUM_ERROR = 0x13
    TRANSPORT_MARGINAL = 0x14


class SgIoResult(NamedTuple):
    """How a command ended that the kernel took.

    status: the device's SCSI status.
    host_status, driver_status: what the adapter's driver and the kernel's middle layer say; 0 for nothing.
    sense: as much as the device sent, at most SENSE_SIZE bytes.
    resid: how many bytes fewer were moved than there was room for, as the device's driver has it.
    data: what a command that reads has brought, at most its allocation length.
    """

    status: int
    host_status: int
    driver_status: int
    sense: bytes
    resid: int
    data: bytes


MOST_DATA = 8192
"""Most bytes that one command can move, either way; QEMU's protocol has the same limit."""

_CDB, _SENSE, _DATA = HEADER_SIZE, 256, 512  # where things lie


class _Memory:
    """Memory for one command at a time: header, CDB, sense data, data."""

    __slots__ = ("_addresses", "_kind", "_request", "data", "header", "header_and_cdb", "sense")

    def __init__(self) -> None:
        buffer = ctypes.create_string_buffer(_DATA + MOST_DATA)
        address = ctypes.addressof(buffer)
        whole = memoryview(buffer).cast("B")
        self.header = whole[:HEADER_SIZE]
        self.header_and_cdb = whole[: HEADER_SIZE + CDB_SIZE]
        self.sense = whole[_SENSE : _SENSE + SENSE_SIZE]
        self.data = whole[_DATA:]
        self._addresses = address + _DATA, address + _CDB, address + _SENSE
        self._kind: tuple[int, int, float] | None = None
        self._request = b""

    def request(self, direction: int, size: int, timeout: float) -> bytes:
        """The header of a command; nearly all are of the same kind as the one before."""
        kind = direction, size, timeout
        if kind != self._kind:
            lengths = CDB_SIZE, SENSE_SIZE, 0, size
            self._request = _REQUEST.pack(
                _INTERFACE_ID, direction, *lengths, *self._addresses, round(timeout * 1000), 0, 0, 0
            )
            self._kind = kind
        return self._request


class _Thread(threading.local):
    """Each thread has memory of its own: one that is stuck in the kernel keeps it."""

    def __init__(self) -> None:
        self.memory = _Memory()


_thread = _Thread()


def read_command(fd: int, cdb: bytes, allocation_length: int, timeout: float) -> SgIoResult:
    """Send a command that reads. `cdb`: CDB_SIZE bytes; `timeout`: seconds. OSError if the kernel refuses it.

    As with qemu-pr-helper the kernel is given room for MOST_DATA whatever the allocation length, so that no device
    overruns what it was told it had.
    """
    _require_room(allocation_length)
    memory = _thread.memory
    memory.data[:allocation_length] = bytes(allocation_length)  # what a device did not send reveals nothing
    return _submit(memory, fd, cdb, SG_DXFER_FROM_DEV, MOST_DATA, timeout, allocation_length)


def write_command(fd: int, cdb: bytes, data: bytes, timeout: float) -> SgIoResult:
    """Send a command that writes. `cdb`: CDB_SIZE bytes; `timeout`: seconds. OSError if the kernel refuses it."""
    size = len(data)
    _require_room(size)
    memory = _thread.memory
    memory.data[:size] = data
    return _submit(memory, fd, cdb, SG_DXFER_TO_DEV if data else SG_DXFER_NONE, size, timeout, 0)


def _require_room(size: int) -> None:
    if size > MOST_DATA:
        raise ValueError(f"{size} bytes are more than the {MOST_DATA} that one command can move")


def _submit(
    memory: _Memory, fd: int, cdb: bytes, direction: int, size: int, timeout: float, allocation_length: int
) -> SgIoResult:
    header = memory.header
    memory.header_and_cdb[:] = memory.request(direction, size, timeout) + cdb
    fcntl.ioctl(fd, SG_IO, header)
    status, sense_length, host_status, driver_status, resid = _ANSWER.unpack_from(header)
    sense = memory.sense[:sense_length].tobytes() if sense_length else b""
    received = min(size - resid, allocation_length)
    data = memory.data[:received].tobytes() if received > 0 else b""
    return SgIoResult(status, host_status, driver_status, sense, resid, data)
