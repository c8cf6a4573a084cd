"""The SG_IO ioctl: one SCSI command sent straight to a device (the kernel's include/scsi/sg.h).

`fcntl.ioctl` releases the GIL, so other threads run while the device works. The thread that calls must have every
signal blocked: on /dev/sgN a signal interrupts the ioctl, and a restarted ioctl sends the command a second time.
"""

import ctypes
import enum
import fcntl
import threading
from dataclasses import dataclass

from .sense import SENSE_SIZE

SG_IO = 0x2285
SG_DXFER_NONE = -1
SG_DXFER_TO_DEV = -2
SG_DXFER_FROM_DEV = -3


class SgIoHdr(ctypes.Structure):
    """struct sg_io_hdr."""

    _fields_ = (
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


class HostStatus(enum.IntEnum):
    """What the host adapter's driver says (the kernel's include/scsi/scsi_status.h); DID_OK is 0."""

    OK = 0x00
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


@dataclass(frozen=True, slots=True)
class SgIoResult:
    """How a command ended that the kernel took.

    status: the device's SCSI status.
    sense: as much as the device sent, at most SENSE_SIZE bytes.
    resid: how many bytes fewer were moved than asked for.
    data: the whole buffer for a command that reads, whatever `resid` says; empty otherwise.
    """

    status: int
    host_status: int
    driver_status: int
    sense: bytes
    resid: int
    data: bytes


class _Buffers(threading.local):
    """Memory for one command at a time, a set for each thread: a stuck thread keeps its own."""

    SIZE = 8192

    def __init__(self) -> None:
        self.hdr = SgIoHdr()
        self.cdb = ctypes.create_string_buffer(32)
        self.sense = ctypes.create_string_buffer(SENSE_SIZE)
        self.data = ctypes.create_string_buffer(self.SIZE)
        self.addresses = tuple(ctypes.addressof(buffer) for buffer in (self.cdb, self.sense, self.data))


_buffers = _Buffers()
MOST_DATA = _Buffers.SIZE
"""Most bytes that one command can move, either way; QEMU's protocol has the same limit."""


def read_command(fd: int, cdb: bytes, size: int, timeout: float) -> SgIoResult:
    """Send a command that reads up to `size` bytes. `timeout` in seconds; OSError if the kernel refuses the command."""
    _require_room(size)
    ctypes.memset(_buffers.data, 0, size)  # a device that claims to have sent more than it did reveals nothing
    return _submit(fd, cdb, SG_DXFER_FROM_DEV, size, timeout)


def write_command(fd: int, cdb: bytes, data: bytes, timeout: float) -> SgIoResult:
    """Send a command that writes `data`. `timeout` in seconds; OSError if the kernel refuses the command."""
    _require_room(len(data))
    ctypes.memmove(_buffers.data, data, len(data))
    return _submit(fd, cdb, SG_DXFER_TO_DEV if data else SG_DXFER_NONE, len(data), timeout)


def _require_room(size: int) -> None:
    if size > MOST_DATA:
        raise ValueError(f"{size} bytes are more than the {MOST_DATA} that one command can move")


def _submit(fd: int, cdb: bytes, direction: int, size: int, timeout: float) -> SgIoResult:
    buffers = _buffers
    hdr = buffers.hdr
    cdb_address, sense_address, data_address = buffers.addresses
    ctypes.memset(ctypes.byref(hdr), 0, ctypes.sizeof(hdr))
    ctypes.memmove(cdb_address, cdb, len(cdb))
    hdr.interface_id = ord("S")
    hdr.dxfer_direction = direction
    hdr.cmd_len = len(cdb)
    hdr.mx_sb_len = SENSE_SIZE
    hdr.dxfer_len = size
    hdr.dxferp = data_address
    hdr.cmdp = cdb_address
    hdr.sbp = sense_address
    hdr.timeout = round(timeout * 1000)
    fcntl.ioctl(fd, SG_IO, hdr)
    return SgIoResult(
        status=hdr.status,
        host_status=hdr.host_status,
        driver_status=hdr.driver_status,
        sense=ctypes.string_at(sense_address, min(hdr.sb_len_wr, SENSE_SIZE)),
        resid=hdr.resid,
        data=ctypes.string_at(data_address, size) if direction == SG_DXFER_FROM_DEV else b"",
    )
