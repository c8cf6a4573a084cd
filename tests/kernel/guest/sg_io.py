"""SG_IO straight at a device: the yardstick that the helper is measured by.

Written against <scsi/sg.h> and used by tests only, so that no mistake of the helper's own code can hide in it.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

SG_IO = 0x2285
SG_DXFER_NONE, SG_DXFER_TO_DEV, SG_DXFER_FROM_DEV = -1, -2, -3


class SgIoHeader(ctypes.Structure):
    """`struct sg_io_hdr`."""

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


@dataclass(frozen=True)
class Answer:
    """What the kernel says of one command. `sense` is as long as the kernel says that it wrote."""

    status: int
    sense: bytes
    payload: bytes
    host_status: int
    driver_status: int


def sg_io(fd: int, cdb: bytes, data: bytes = b"", allocation: int = 0, timeout_ms: int = 60_000) -> Answer:
    """Send one command, with `data` to the device or up to `allocation` bytes from it."""
    command = ctypes.create_string_buffer(cdb, len(cdb))
    sense = ctypes.create_string_buffer(96)
    buffer = page_aligned(data, allocation)
    direction = SG_DXFER_TO_DEV if data else SG_DXFER_FROM_DEV if allocation else SG_DXFER_NONE
    header = SgIoHeader(
        interface_id=ord("S"),
        dxfer_direction=direction,
        cmd_len=len(cdb),
        mx_sb_len=len(sense),
        dxfer_len=len(data) or allocation,
        dxferp=ctypes.addressof(buffer),
        cmdp=ctypes.addressof(command),
        sbp=ctypes.addressof(sense),
        timeout=timeout_ms,
    )
    fcntl.ioctl(fd, SG_IO, header)
    received = buffer.raw[: allocation - header.resid] if direction == SG_DXFER_FROM_DEV else b""
    return Answer(header.status, sense.raw[: header.sb_len_wr], received, header.host_status, header.driver_status)


def page_aligned(data: bytes, allocation: int) -> ctypes.Array[ctypes.c_char]:
    """A buffer that begins a page, and shares its pages with nothing else.

    LIO writes a READ FULL STATUS past the end of a short buffer, straight into the memory of whoever asked: what is
    short here ends well before its page does.
    """
    size = len(data) or allocation
    memory = mmap.mmap(-1, max(size, 1))
    memory[: len(data)] = data
    return (ctypes.c_char * max(size, 1)).from_buffer(memory)


def test_unit_ready(device: Path) -> Answer:
    """Ask a device for nothing: what it has to say, such as a pending unit attention, comes with the answer."""
    fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        return sg_io(fd, bytes(6))
    finally:
        os.close(fd)
