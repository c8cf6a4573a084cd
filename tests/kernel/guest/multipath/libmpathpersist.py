"""The suite's libmpathpersist: a program, for it calls exit() where it likes, and the class that talks to it.

    python3 -m tests.kernel.guest.multipath.libmpathpersist DEVICE

A line of standard input is a PERSISTENT RESERVE OUT: service action, type, key, service action key and flags. It is
answered by what mpath_persistent_reserve_out returned. Written against <mpath_persist.h>.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.spc import PERSISTENT_RESERVE_OUT

MPATH_MX_TIDS = 32
MPATH_MAX_PARAM_LEN = 8192
VERBOSITY = 0

ENDED = -1000
"""What a call is said to have returned that ended the program."""


class ProutParamDescriptor(ctypes.Structure):
    """`struct prout_param_descriptor`."""

    _fields_ = (
        ("key", ctypes.c_uint8 * 8),
        ("sa_key", ctypes.c_uint8 * 8),
        ("_obsolete", ctypes.c_uint32),
        ("sa_flags", ctypes.c_uint8),
        ("_reserved", ctypes.c_uint8),
        ("_obsolete1", ctypes.c_uint16),
        ("private_buffer", ctypes.c_uint8 * MPATH_MAX_PARAM_LEN),
        ("num_transportid", ctypes.c_uint32),
        ("trnptid_list", ctypes.c_void_p * MPATH_MX_TIDS),
    )


@dataclass(frozen=True)
class Returned:
    """What a call returned: MPATH_PR_SUCCESS is 0, as GOOD is. It has no sense data and no data."""

    status: int
    sense: bytes = b""
    payload: bytes = b""


class Library:
    """The program, started with the first command, and again with the next one if it has ended."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._process: subprocess.Popen[str] | None = None

    def execute(self, cdb: bytes, data: bytes, allocation: int) -> Returned:  # noqa: ARG002
        """Have it carried out, as `Nexus` wants it."""
        assert cdb[0] == PERSISTENT_RESERVE_OUT
        key, new, flags = struct.unpack_from(">QQ4xB", data)
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{cdb[1]} {cdb[2]} {key} {new} {flags}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self.stop()
            return Returned(ENDED)
        return Returned(int(answer))

    def stop(self) -> None:
        """End the program."""
        if self._process is not None:
            with self._process:
                self._process.kill()
            self._process = None

    def _start(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", __name__, str(self._device)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


def main() -> None:
    """Carry out what comes in."""
    fd = os.open(sys.argv[1], os.O_RDWR)
    library = ctypes.CDLL("libmpathpersist.so.0")
    assert library.libmpathpersist_init() == 0
    for line in sys.stdin:
        action, kind, key, new, flags = map(int, line.split())
        parameters = ProutParamDescriptor(sa_flags=flags)
        parameters.key[:] = key.to_bytes(8, "big")
        parameters.sa_key[:] = new.to_bytes(8, "big")
        returned = library.mpath_persistent_reserve_out(fd, action, 0, kind, ctypes.byref(parameters), 0, VERBOSITY)
        print(returned, flush=True)


if __name__ == "__main__":
    main()
