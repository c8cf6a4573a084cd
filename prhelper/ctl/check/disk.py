"""What a disk is, and what it answers to commands that change nothing."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...client import AnswerLost, CheckCondition, HelperError, ScsiError, connect, run
from ...device.identity import DeviceId
from ...device.stack import is_device_mapper, name_of, slaves_of, stack_of, text_of, whole_of
from ...scsi import sense
from ..disks import Disk, of_descriptor, opened
from ..exits import ToolError
from ..patience import does_not_answer
from ..reading import reading
from .causes import (
    COMMANDS_FAIL,
    DISK_FAILS,
    DISK_HANGS,
    DISK_MISSING,
    NO_RESERVATIONS,
    NOT_A_DISK,
    NOT_SCSI,
    ON_CRYPT,
    ON_SEVERAL_DISKS,
    PART_OF_DISK,
    READ_ONLY,
    SYSFS_HIDDEN,
)
from .finding import Cause, Finding, Severity

PATIENCE = 15.0
"""Seconds for each of the two commands."""

_CRYPT = "CRYPT-"
_SYSFS = Path("/sys/dev")
_STALE = "The disk has gone: see the kernel's log and the storage. Or the node was made by hand, with a wrong number."
_UNKNOWN_COMMAND = (sense.INVALID_OPCODE, sense.INVALID_FIELD)


class Looked(NamedTuple):
    """disk: None if there is none to look at. findings: what is wrong with it in itself."""

    disk: Disk | None
    findings: list[Finding]

    @property
    def is_sound(self) -> bool:
        """Whether it is worth asking."""
        return self.disk is not None and all(each.cause.severity < Severity.ERROR for each in self.findings)

    def without(self, cause: Cause) -> "Looked":
        """The same, where that is no fault."""
        return self._replace(findings=[each for each in self.findings if each.cause is not cause])


def look(path: str, name: str) -> Looked:
    """What it is, as sysfs shows. `name`: the path as people know it."""
    if does_not_answer(path):
        return Looked(None, [DISK_HANGS.found(name, f"{path}: the file system does not answer")])
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        return Looked(None, [DISK_MISSING.found(name, f"{name}: {error.strerror}")])
    try:
        disk = of_descriptor(name, fd)
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    if not disk.device.is_device:
        return Looked(disk, [NOT_A_DISK.found(name, f"{name} is {stat.filemode(mode)}")])
    if disk.folder is None:
        return Looked(None, [_unknown(disk.device, name)])
    if stat.S_ISCHR(mode):
        return Looked(disk, list(_generic(disk.folder, name)))
    try:
        return Looked(disk, list(_block(disk.folder, name)))
    except OSError as error:  # it is going away
        return Looked(None, [DISK_MISSING.found(name, f"{disk.folder}: {error.strerror}")])


def _unknown(device: DeviceId, name: str) -> Finding:
    """A node that sysfs does not know."""
    if not _SYSFS.is_dir():
        return SYSFS_HIDDEN.found(name, f"{_SYSFS} is not there")
    return DISK_MISSING.found(name, f"{name} is a node of {device.number}, and the kernel has no such device", _STALE)


def _generic(folder: Path, name: str) -> Iterator[Finding]:
    subsystem = _subsystem(folder)
    if subsystem != "scsi":
        yield NOT_SCSI.found(name, f"{name} is a character device of {subsystem or 'no bus'}")


def _block(folder: Path, name: str) -> Iterator[Finding]:
    if (folder / "ro").read_text().strip() != "0":
        yield READ_ONLY.found(name, f"{folder}/ro is 1")
    if (crypt := _crypt_in(folder)) is not None:
        yield ON_CRYPT.found(name, f"{name_of(crypt)} is encrypted")
        return
    stack = stack_of(folder)
    wholes = sorted(map(name_of, stack.maps | stack.disks))
    if len(wholes) > 1:
        yield ON_SEVERAL_DISKS.found(name, f"it lies on {', '.join(wholes)}")
    for disk in stack.disks:
        if (subsystem := _subsystem(disk)) != "scsi":
            yield NOT_SCSI.found(name, f"{disk.name} is a device of {subsystem or 'no bus'}")
    if not wholes:
        yield NOT_A_DISK.found(name, "no disk lies below it")
    elif (whole := whole_of(folder)) is not None:
        yield PART_OF_DISK.found(name, f"it is a part of {whole}")


def _subsystem(folder: Path) -> str:
    """The bus of a disk: "scsi", "nvme", "virtio"; empty if it has none, as a loop device."""
    link = folder / "device/subsystem"
    return link.resolve().name if link.exists() else ""


def _crypt_in(folder: Path) -> Path | None:
    """The encrypted device that this is, or lies on."""
    if is_device_mapper(folder) and (text_of(folder / "dm/uuid").startswith(_CRYPT) or _has_crypt_table(folder)):
        return folder
    return next((found for each in slaves_of(folder) if (found := _crypt_in(each)) is not None), None)


def _has_crypt_table(folder: Path) -> bool:
    """Made by hand, it has no UUID that tells; its table is root's to see."""
    if text_of(folder / "dm/uuid") or os.geteuid() != 0:
        return False
    try:
        done = subprocess.run(["dmsetup", "table", name_of(folder)], capture_output=True, check=False)
    except OSError:
        return False
    return any(line.split()[2:3] == [b"crypt"] for line in done.stdout.splitlines())


def ask(path: str, name: str, socket: Path) -> list[Finding]:
    """What the disk answers through a helper. What this user may not open is not asked."""
    try:
        with opened(path, to_write=False) as (fd, _):
            run(_ask(fd, socket))
    except CheckCondition as error:
        return [_why(error).found(name, str(error))]
    except ScsiError as error:
        return [DISK_FAILS.found(name, str(error))]
    except AnswerLost as error:
        return [DISK_HANGS.found(name, str(error))] if isinstance(error.__cause__, TimeoutError) else []
    except (ToolError, HelperError):  # what is wrong with the helper is found at its socket
        return []
    return []


async def _ask(fd: int, socket: Path) -> None:
    with await connect(socket, PATIENCE) as client:
        await reading(client.read_keys, fd)
        await reading(client.read_reservation, fd)


def _why(error: CheckCondition) -> Cause:
    if error.sense in _UNKNOWN_COMMAND:
        return NO_RESERVATIONS
    return COMMANDS_FAIL if error.sense == sense.IO_TERMINATED else DISK_FAILS
