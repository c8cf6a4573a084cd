"""A virtual machine of libvirt's, whose guest does as it is told; see chain/machine.py."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kernel.kernel import Kernel

from ..chain.machine import read_result, write_initramfs
from ..systemd.units import SOCKET, listens_at
from . import host

MANAGED = "<reservations managed='yes'/>"

XML = """\
<domain type='{kind}'>
  <name>{name}</name>
  <memory unit='MiB'>256</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initramfs}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline>
  </os>
  {processor}
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='scsi' model='virtio-scsi'/>
    {disks}
    <serial type='file'><source path='{console}'/><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='{commands}'/><target port='1'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""

DISK = """\
    <disk type='block' device='lun'>
      <driver name='qemu' type='raw'/>
      <source dev='{device}'>{reservations}</source>
      <target dev='sd{letter}' bus='scsi'/>
      <shareable/>
      <address type='drive' controller='0' bus='0' target='{number}' unit='0'/>
    </disk>
"""


def unmanaged() -> str:
    """What libvirt is told of the helper behind the shipped socket unit."""
    return f"<reservations managed='no'><source type='unix' path='{listens_at(SOCKET)}' mode='client'/></reservations>"


@dataclass(frozen=True)
class Disk:
    device: Path
    reservations: str

    def xml(self, number: int) -> str:
        return DISK.format(device=self.device, reservations=self.reservations, number=number, letter="abc"[number])


class Domain:
    """Its guest finds the disks as /dev/disk0 and so on."""

    def __init__(self, name: str, disks: Sequence[Disk]) -> None:
        self.name = name
        self._disks = disks
        self._kernel = Kernel(Path("/"))
        write_initramfs(host.IMAGES / "initramfs", self._kernel, len(disks))

    def start(self, kind: str, patience: float) -> None:
        """Have libvirt start it, and wait for the guest, which has so many seconds. Raises TimeoutError."""
        commands, description = host.IMAGES / "commands", host.IMAGES / "domain.xml"
        description.write_text(
            XML.format(
                kind=kind,
                name=self.name,
                kernel=self._kernel.image,
                initramfs=host.IMAGES / "initramfs",
                processor="<cpu mode='host-passthrough'/>" if kind == "kvm" else "",
                disks="".join(disk.xml(number) for number, disk in enumerate(self._disks)),
                console=host.IMAGES / "console",
                commands=commands,
            )
        )
        host.virsh("create", str(description))
        self._guest = socket.socket(socket.AF_UNIX)
        self._guest.settimeout(patience)
        self._guest.connect(str(commands))
        self._lines = self._guest.makefile("rb", buffering=0)
        read_result(self._lines)

    def run(self, command: str) -> tuple[int, str]:
        """Have the guest run a command line; return exit status and output."""
        self.begin(command)
        return read_result(self._lines)

    def begin(self, command: str) -> None:
        """Have the guest run a command line, and do not wait for it."""
        self._guest.sendall(command.encode() + b"\n")

    def persist(self, action: str, disk: int) -> int:
        """The guest's sg_persist on a disk: the exit status."""
        return self.run(f"sg_persist --no-inquiry {action} /dev/disk{disk}")[0]

    @property
    def pidfile(self) -> Path | None:
        """The one that libvirt has written of its managed helper."""
        return next(iter(host.STATE.glob(f"*-{self.name}-pr-helper0.pid")), None)

    @property
    def helper(self) -> int:
        """The PID of its managed helper."""
        assert self.pidfile is not None
        return int(self.pidfile.read_text())

    def close(self) -> None:
        self._lines.close()
        self._guest.close()
