"""The name of the virtual machine that a process runs, for the log: by its cgroup or, second, by its own word.

libvirt and the like run each virtual machine in a unit of systemd that has its name; a process cannot leave its unit.
A pod has a number there. Elsewhere QEMU's command line may tell (`-name guest=NAME`), but that is the process's own
memory: it may say anything, and reading it may block for ever. A reader needs a lock of that memory, and the process
has it held while the kernel takes away a mapping of a file that must first be written to a file system of its own
(FUSE).
"""

import contextlib
import itertools
import re
from pathlib import Path
from typing import NamedTuple

from .chosen_text import harmless
from .peer import Peer
from .process_stat import ProcessStat

MAX_LENGTH = 64
"""Characters of a name."""

MAX_COMMAND_LINE = 1 << 16
"""Bytes of a command line that are looked at. The name comes early in what libvirt writes."""

_PROC = Path("/proc")

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_MACHINE_SCOPE = re.compile(r"machine-(.+)\.scope")
_LIBVIRT_MACHINE = re.compile(r"qemu-\d+-(.+)")
_PROXMOX_MACHINE = re.compile(r"qemu\.slice/(\d+)\.scope")
_POD = re.compile(r"kubepods(?:\.slice)?/(?:.*/)?[^/]*pod([0-9a-f]{8}[0-9a-f_-]*?)(?:\.slice)?")


class MachineName(NamedTuple):
    """text: printable, at most MAX_LENGTH characters. claimed: whether it is only the process's own word."""

    text: str
    claimed: bool = False

    def __str__(self) -> str:
        return f'machine "{self.text}"' + " by its own word" * self.claimed


def named(peer: Peer, machine_name: MachineName | None) -> str:
    """For people: which process, of which virtual machine if that is known."""
    return str(peer) if machine_name is None else f"{peer}, {machine_name}"


def name_of_unit(unit: str) -> MachineName | None:
    """The name in a unit of `cgroups.unit_of_path`; None if it is not one for a virtual machine or a pod.

    Its parents must be slices, which only root makes: a container may make any cgroup below its own.
    """
    if found := _POD.fullmatch(unit):
        return _made(f"pod {found[1].replace('_', '-')}")
    if found := _PROXMOX_MACHINE.fullmatch(unit):
        return _made(found[1])
    *slices, scope = unit.split("/")
    if not slices or not all(each.endswith(".slice") for each in slices):
        return None
    if (found := _MACHINE_SCOPE.fullmatch(scope)) is None:
        return None
    name = _unescaped(found[1])
    of_libvirt = _LIBVIRT_MACHINE.fullmatch(name)
    return _made(of_libvirt[1] if of_libvirt else name)


def read_claimed_name(pid: int, started: int) -> MachineName | None:
    """The name in the command line of a process; None without one, or if the process is not there any more.

    Blocks for as long as the process likes, perhaps for ever.
    """
    directory = _PROC / str(pid)
    with contextlib.suppress(OSError):
        command_line = _beginning_of(directory / "cmdline")
        # Only now: if the process is still there, nothing else has had its number meanwhile.
        if ProcessStat.parse((directory / "stat").read_bytes()).started == started:
            return claimed_name(command_line)
    return None


def claimed_name(command_line: bytes) -> MachineName | None:
    """The name in the content of /proc/PID/cmdline: that of QEMU's last `-name`."""
    *arguments, _cut_off = command_line.split(b"\0")  # every argument ends with a zero
    name = ""
    for option, value in itertools.pairwise(arguments):
        if option in (b"-name", b"--name"):
            name = _guest_in(value.decode(errors="replace"))
    return _made(name, claimed=True)


def _beginning_of(file: Path) -> bytes:
    with file.open("rb", buffering=0) as opened:
        data = b""
        while len(data) < MAX_COMMAND_LINE and (more := opened.read(MAX_COMMAND_LINE - len(data))):
            data += more
        return data


def _guest_in(option: str) -> str:
    """The value of `guest` in what follows -name. The first value needs no key, and a comma in a value is doubled."""
    guest = ""
    for number, part in enumerate(option.replace(",,", "\0").split(",")):
        key, has_key, value = part.partition("=")
        if key == "guest" and has_key:
            guest = value
        elif number == 0 and not has_key:
            guest = part
    return guest.replace("\0", ",")


def _unescaped(name: str) -> str:
    """Undo systemd's escaping (systemd.unit(5))."""
    data = name.replace("-", "/").encode()
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data).decode(errors="replace")


def _made(name: str, claimed: bool = False) -> MachineName | None:
    text = harmless(name[:MAX_LENGTH])
    return MachineName(text, claimed) if text else None
