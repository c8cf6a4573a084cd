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

from .sense import SENSE_SIZE

SG_IO = 0x2285
SG_DXFER_NONE = -1
SG_DXFER_TO_DEV = -2
SG_DXFER_FROM_DEV = -3

_INTERFACE_ID = ord("S")

_REQUEST = struct.Struct("@ii BBHI PPP II iP")
"""What the kernel reads of struct sg_io_hdr, its first half, in order:

interface_id, dxfer_direction; cmd_len, mx_sb_len, iovec_count, dxfer_len; dxferp, cmdp, sbp; timeout, flags; pack_id,
usr_ptr.
"""

_ANSWER = struct.Struct("@BBBB HHi II 4x")
"""What it writes, the second half: status, masked_status, msg_status, sb_len_wr; host_status, driver_status, resid;
duration, info.
"""

_NO_ANSWER = bytes(_ANSWER.size)


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

_CDB, _SENSE, _DATA = 128, 256, 512  # where things lie behind the header; each has room to spare


class _Memory(threading.local):
    """Memory for one command at a time, and a set for each thread: a stuck thread keeps its own."""

    def __init__(self) -> None:
        buffer = ctypes.create_string_buffer(_DATA + MOST_DATA)
        self.addresses = [ctypes.addressof(buffer) + offset for offset in (_DATA, _CDB, _SENSE)]
        self.view = memoryview(buffer).cast("B")
        self.header = self.view[: _REQUEST.size + _ANSWER.size]


_memory = _Memory()


def read_command(fd: int, cdb: bytes, allocation_length: int, timeout: float) -> SgIoResult:
    """Send a command that reads. `timeout` in seconds; OSError if the kernel refuses the command.

    As with qemu-pr-helper the kernel is given room for MOST_DATA whatever the allocation length, so that no device
    overruns what it was told it had.
    """
    _require_room(allocation_length)
    view = _memory.view
    view[_DATA : _DATA + allocation_length] = bytes(allocation_length)  # what a device did not send reveals nothing
    return _submit(fd, cdb, SG_DXFER_FROM_DEV, MOST_DATA, timeout, allocation_length)


def write_command(fd: int, cdb: bytes, data: bytes, timeout: float) -> SgIoResult:
    """Send a command that writes `data`. `timeout` in seconds; OSError if the kernel refuses the command."""
    _require_room(len(data))
    _memory.view[_DATA : _DATA + len(data)] = data
    return _submit(fd, cdb, SG_DXFER_TO_DEV if data else SG_DXFER_NONE, len(data), timeout, 0)


def _require_room(size: int) -> None:
    if size > MOST_DATA:
        raise ValueError(f"{size} bytes are more than the {MOST_DATA} that one command can move")


def _submit(fd: int, cdb: bytes, direction: int, size: int, timeout: float, allocation_length: int) -> SgIoResult:
    memory = _memory
    view, header = memory.view, memory.header
    view[_CDB : _CDB + len(cdb)] = cdb
    request = _INTERFACE_ID, direction, len(cdb), SENSE_SIZE, 0, size, *memory.addresses, round(timeout * 1000)
    _REQUEST.pack_into(header, 0, *request, 0, 0, 0)
    header[_REQUEST.size :] = _NO_ANSWER
    fcntl.ioctl(fd, SG_IO, header)
    status, _, _, sense_length, host_status, driver_status, resid, _, _ = _ANSWER.unpack_from(header, _REQUEST.size)
    sense = view[_SENSE : _SENSE + min(sense_length, SENSE_SIZE)].tobytes() if sense_length else b""
    data = view[_DATA : _DATA + min(max(0, size - resid), allocation_length)].tobytes()
    return SgIoResult(status, host_status, driver_status, sense, resid, data)
