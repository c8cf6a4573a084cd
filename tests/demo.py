"""`make demo`: the helper at work in a terminal, without root and without a SCSI disk.

It starts the helper, lets QEMU connect if QEMU is installed, and plays QEMU's part by hand: what goes over the wire,
and what it means.
"""

import os
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

from .support.client import Client, Reply, keys, reserve_in, reserve_out
from .support.helper import Helper
from .support.qmp import query_pr_managers

BOLD, DIM, GREEN, END = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("",) * 4
WIDTH = min(80, shutil.get_terminal_size().columns)


def main() -> None:
    """Show the main job, from start to stop."""
    with tempfile.TemporaryDirectory(prefix="prhelper-demo-") as name:
        directory = Path(name)
        disk = directory / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        title("The helper starts")
        with Helper(directory, options=["-v"]) as helper:
            say(f"prhelper -k {helper.socket} -v")
            let_qemu_connect(helper.socket)
            play_qemu(helper.socket, disk)
            title("The helper stops: SIGTERM")
            status = helper.stop()
            place = "still there" if helper.socket.exists() else "gone"
            say(f"It ended with status {status}, and its socket is {place}.")
            title("What the administrator reads meanwhile")
            print(textwrap.indent(helper.output(), "  ").rstrip())
    title("Now with a disk")
    say("The file had no SCSI behind it, so each command ended in CHECK CONDITION. As root, with a real SCSI disk:")
    print("""
  prhelper -k /run/pr.sock &
  qemu-system-x86_64 ... -object pr-manager-helper,id=pr0,path=/run/pr.sock \\
    -device virtio-scsi-pci -device scsi-block,drive=hd \\
    -blockdev node-name=hd,driver=raw,file.driver=host_device,\\
file.filename=/dev/sdX,file.pr-manager=pr0
""")


def let_qemu_connect(path: Path) -> None:
    """QEMU's own pr-manager-helper object connects as soon as it is made."""
    title("QEMU connects")
    if shutil.which("qemu-system-x86_64") is None:
        say("qemu-system-x86_64 is not installed; a small client will do.")
        return
    for manager in query_pr_managers(path):
        say(f"query-pr-managers: {GREEN}{manager}{END}")


def play_qemu(path: Path, disk: Path) -> None:
    """Send what QEMU sends when a guest reserves its disk."""
    fd = os.open(disk, os.O_RDWR)
    with Client(path) as client:
        title("The guest asks who is registered: PERSISTENT RESERVE IN, READ KEYS")
        exchange(client, fd, reserve_in(0))
        title("The guest registers the key 0x1234: PERSISTENT RESERVE OUT, REGISTER")
        exchange(client, fd, reserve_out(0), keys(0, 0x1234))
    os.close(fd)


def exchange(client: Client, fd: int, cdb: bytes, parameter_list: bytes = b"") -> None:
    """One command, and its answer in words."""
    show("->", "CDB", cdb)
    say(f"   with descriptor {fd}, the disk, by SCM_RIGHTS", DIM)
    if parameter_list:
        show("->", "parameter list", parameter_list)
    reply = client.command(fd, cdb, parameter_list)
    show("<-", "status, size", reply.status.to_bytes(4, "big") + len(reply.payload).to_bytes(4, "big"))
    show("<-", "sense", reply.sense[:18])
    say(f"   {meaning(reply)}", GREEN)


def meaning(reply: Reply) -> str:
    """The answer in words."""
    if reply.status == 0:
        return f"GOOD, {len(reply.payload)} bytes of data"
    key, asc, ascq = reply.sense_codes
    return f"status {reply.status:#04x}, sense {key:02X}/{asc:02X}/{ascq:02X}: the disk did not take the command"


def title(text: str) -> None:
    print(f"\n{BOLD}{text}{END}")


def say(text: str, colour: str = "") -> None:
    print(colour + textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ") + END)


def show(arrow: str, what: str, data: bytes) -> None:
    lines = [data[start : start + 16].hex(" ") for start in range(0, len(data), 16)]
    for number, line in enumerate(lines):
        print(f"  {arrow if not number else '  '} {what if not number else '':<15}{line}")


if __name__ == "__main__":
    main()
