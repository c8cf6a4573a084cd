"""A virtual machine inside the emulated machine: QEMU with pr-manager-helper, and a guest that does as it is told.

The inner guest is the same kernel with a tiny initramfs of its own: the SCSI modules, sg_persist, and a shell that runs
what comes in by its second serial port and writes back the output and, on a line of its own, the exit status. Its
console goes to ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.kernel import initramfs
from tests.kernel.kernel import Kernel

from ..modules import modprobe

SERVE_COMMANDS = """\
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo
for number in $disks; do
    until name=$(ls /sys/bus/scsi/devices/*:0:$number:0/block) && [ -b /dev/$name ]; do sleep 0.1; done
    ln -s $name /dev/disk$number
done
echo "exit status 0"
while read -r command; do
    eval "$command"
    echo "exit status $?"
done
"""


@dataclass(frozen=True)
class Disk:
    """A disk of the outer machine, and the socket of the helper for its reservations."""

    device: Path
    helper: Path


class Machine:
    """The inner machine. Its disks are /dev/disk0 and so on, each with a pr-manager of its own: helper0 and so on."""

    def __init__(self, kernel: Kernel, disks: Sequence[Disk], scratch: Path, accelerator: str) -> None:
        archive = scratch / "initramfs"
        write_initramfs(archive, kernel, len(disks))
        self._monitor, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    "qemu-system-x86_64",
                    *("-accel", accelerator, "-cpu", "max", "-m", "256", "-no-reboot", "-nodefaults"),
                    *("-display", "none", "-kernel", str(kernel.image), "-initrd", str(archive)),
                    *("-append", "console=ttyS0 quiet panic=-1"),
                    *("-serial", "file:/dev/console"),
                    *("-chardev", "stdio,id=commands,signal=off", "-serial", "chardev:commands"),
                    *("-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"),
                    *("-device", "virtio-scsi-pci"),
                    *(option for number, disk in enumerate(disks) for option in attached(number, disk)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        self._answers = self._monitor.makefile("r")
        self.events: list[dict[str, Any]] = []

    def boots_within(self, seconds: float) -> bool:
        """Wait for its guest to be ready. False if it is not by then; it has been ended in that case."""
        limit = threading.Timer(seconds, self._process.kill)
        limit.start()
        try:
            self._answers.readline()  # the greeting
            self.monitor("qmp_capabilities")
            self._read_result()
        except (EOFError, OSError):
            return False
        finally:
            limit.cancel()
        return True

    def run(self, command: str) -> tuple[int, str]:
        """Have the guest run a command line; return exit status and output."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self._read_result()

    def _read_result(self) -> tuple[int, str]:
        assert self._process.stdout is not None
        return read_result(self._process.stdout)

    def monitor(self, command: str) -> Any:
        """Run a QMP command; events that come meanwhile are kept in `events`."""
        self._monitor.sendall(json.dumps({"execute": command}).encode() + b"\n")
        for line in self._answers:
            message = json.loads(line)
            if "event" not in message:
                return message["return"]
            self.events.append(message)
        raise EOFError("QEMU closed its monitor")

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._process:
            self._process.kill()
        self._answers.close()
        self._monitor.close()


def write_initramfs(archive: Path, kernel: Kernel, disks: int) -> None:
    """Pack what the inner guest boots into. Its disks are at the SCSI targets 0, 1 and so on."""
    modules = initramfs.module_files(kernel.root, kernel.version, ("virtio_pci", "virtio_scsi", "sd_mod", "sg"))
    numbers = " ".join(map(str, range(disks)))
    initramfs.write(archive, f'disks="{numbers}"\n{SERVE_COMMANDS}', modules, program("sg_persist"))


def read_result(lines: Iterable[bytes]) -> tuple[int, str]:
    """What the inner guest writes about one command: exit status and output."""
    output: list[str] = []
    for line in lines:
        text = line.decode(errors="replace").rstrip()
        if found := re.fullmatch(r"exit status (\d+)", text):
            return int(found[1]), "\n".join(output)
        output.append(text)
    raise EOFError(f"the inner machine ended: {output}")


def attached(number: int, disk: Disk) -> list[str]:
    """QEMU's options for a disk. What other disks of the machine lead to the same device is the test's business."""
    file = f"file.driver=host_device,file.filename={disk.device},file.pr-manager=helper{number}"
    return [
        *("-object", f"pr-manager-helper,id=helper{number},path={disk.helper}"),
        *("-blockdev", f"node-name=disk{number},driver=raw,{file}"),
        *("-device", f"scsi-block,drive=disk{number},scsi-id={number},share-rw=on"),
    ]


def program(name: str) -> dict[str, Path]:
    """A program of the host and the libraries that it loads, each at its own path."""
    found = shutil.which(name)
    assert found is not None
    libraries = subprocess.run(["ldd", found], check=True, capture_output=True, text=True).stdout
    return {path: Path(path) for path in [found, *re.findall(r"(/\S+) \(0x", libraries)]}


def accelerators() -> list[tuple[str, float]]:
    """What to boot with, one after another until it does, each with the seconds that it may take.

    On QEMU's emulation of an AMD processor KVM can be had, and boots in ten seconds on an idle machine; but once in
    many boots the machine stands still before its first word, so it is tried again. Without KVM it takes minutes, and
    arrives.
    """
    with contextlib.suppress(subprocess.CalledProcessError):
        modprobe("kvm_amd")
    slow = ("tcg", 400.0)
    return [("kvm", 60.0), ("kvm", 120.0), slow] if os.access("/dev/kvm", os.W_OK) else [slow]
