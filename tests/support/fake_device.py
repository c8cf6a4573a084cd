"""SG_IO in the hands of a test: a preloaded library (fake_device.c) answers it, over memory shared with the test.

    device = FakeDevice(library, tmp_path)
    with Helper(tmp_path, env=device.env) as helper:
        device.set(Answer(status=0x18))

Every descriptor is a SCSI device then. One of /dev/zero is a device that hangs, between `hold` and `release`. One of
/dev/full takes 50 ms for each command.
"""

import ctypes
import enum
import mmap
from dataclasses import dataclass
from pathlib import Path

from .programs import compile_library

MOST_DATA = 8192
MOST_SENSE = 96

PATTERN = bytes((7 * i + i // 256 + 1) % 256 for i in range(MOST_DATA))
"""What a device sends that is not told otherwise: no two places alike enough to be mixed up."""

HEALTHY = "/dev/null"
HANGING = "/dev/zero"
SLOW = "/dev/full"

SG_DXFER_NONE, SG_DXFER_TO_DEV, SG_DXFER_FROM_DEV = -1, -2, -3


class Held(enum.IntEnum):
    """What can hang."""

    SG_IO = 1
    FSTAT = 2
    CLOSE = 4


@dataclass(frozen=True)
class Answer:
    """What SG_IO says. `error` is an errno; then the rest does not matter."""

    error: int = 0
    status: int = 0
    host_status: int = 0
    driver_status: int = 0
    sense: bytes = b""
    resid: int = 0


class _Shared(ctypes.Structure):
    """struct fake_device."""

    _fields_ = (
        ("error", ctypes.c_int32),
        ("status", ctypes.c_int32),
        ("host_status", ctypes.c_int32),
        ("driver_status", ctypes.c_int32),
        ("sense_length", ctypes.c_int32),
        ("resid", ctypes.c_int32),
        ("held", ctypes.c_uint32),
        ("sense", ctypes.c_uint8 * MOST_SENSE),
        ("data", ctypes.c_uint8 * MOST_DATA),
        ("commands", ctypes.c_uint32),
        ("hanging", ctypes.c_uint32),
        ("interface_id", ctypes.c_int32),
        ("direction", ctypes.c_int32),
        ("cmd_len", ctypes.c_int32),
        ("mx_sb_len", ctypes.c_int32),
        ("iovec_count", ctypes.c_int32),
        ("dxfer_len", ctypes.c_int32),
        ("timeout", ctypes.c_int32),
        ("flags", ctypes.c_int32),
        ("cdb", ctypes.c_uint8 * 16),
        ("sent", ctypes.c_uint8 * MOST_DATA),
    )


@dataclass(frozen=True)
class Sent:
    """The fields of struct sg_io_hdr in the last command, its CDB and, of OUT, its parameter list."""

    interface_id: int
    direction: int
    cmd_len: int
    mx_sb_len: int
    iovec_count: int
    dxfer_len: int
    timeout: int
    flags: int
    cdb: bytes
    parameter_list: bytes


def build(directory: Path) -> Path:
    """Compile the library."""
    return compile_library(Path(__file__).with_suffix(".c"), directory)


class FakeDevice:
    """The devices of one helper process, which must be started with `env`."""

    def __init__(self, library: Path, directory: Path) -> None:
        file = directory / "fake_device"
        file.write_bytes(bytes(ctypes.sizeof(_Shared)))
        with file.open("r+b") as opened:
            self._shared = _Shared.from_buffer(mmap.mmap(opened.fileno(), 0))
        self._library = ctypes.CDLL(str(library))
        assert ctypes.c_uint32.in_dll(self._library, "fake_device_size").value == ctypes.sizeof(_Shared)
        self.env = {"LD_PRELOAD": str(library), "FAKE_DEVICE": str(file)}
        self.set(Answer())

    def set(self, answer: Answer, data: bytes = PATTERN) -> None:
        """What commands are answered from now on."""
        shared = self._shared
        shared.error = answer.error
        shared.status, shared.host_status, shared.driver_status = (
            answer.status,
            answer.host_status,
            answer.driver_status,
        )
        shared.sense_length = len(answer.sense)
        shared.sense[: len(answer.sense)] = answer.sense
        shared.resid = answer.resid
        shared.data[: len(data)] = data

    def hold(self, call: Held = Held.SG_IO) -> None:
        """Let this call on a descriptor of the hanging device hang from now on."""
        self._shared.held = call

    def release(self) -> None:
        """Let every hanging call go on, and no other hang."""
        self._library.fake_device_release(ctypes.byref(self._shared))

    @property
    def commands(self) -> int:
        """How many commands have been sent in all."""
        return int(self._shared.commands)

    @property
    def hanging(self) -> int:
        """How many calls hang."""
        return int(self._shared.hanging)

    @property
    def last(self) -> Sent:
        """The command that was sent last."""
        shared = self._shared
        return Sent(
            shared.interface_id,
            shared.direction,
            shared.cmd_len,
            shared.mx_sb_len,
            shared.iovec_count,
            shared.dxfer_len,
            shared.timeout,
            shared.flags,
            bytes(shared.cdb),
            bytes(shared.sent[: shared.dxfer_len]) if shared.direction == SG_DXFER_TO_DEV else b"",
        )
