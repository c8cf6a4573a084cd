"""The story, told in order."""

import os
import select
import shutil
import sys
import tempfile
from pathlib import Path

from prhelper.scsi.reservation import Command, InAction, OutAction
from tests.support.client import Reply
from tests.support.helper import Helper
from tests.support.qmp import query_pr_managers

from .cast import Node
from .terminal import command_line, paint, say, show_bytes, title
from .words import colour, meaning, out, read

KEY_A, KEY_B = 0xA1, 0xB2


def main() -> None:
    """Play it, from the helper's start to its end."""
    with tempfile.TemporaryDirectory(prefix="prdemo-") as name:
        directory = Path(name)
        disk = directory / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        title("A failover, with a shared disk that is only a file")
        say(
            "Two nodes of a cluster share a disk. Whoever holds its reservation may write. The disk here is a file, "
            "so the helper answers in its place: an emulated unit, which fences no data."
        )
        options = ["--emulate", f"--state-directory={directory}/state"]
        with Helper(directory, options=options) as helper:
            command_line("prhelper", "-k", str(helper.socket), *options)
            with Node("A", helper.socket, disk) as a, Node("B", helper.socket, disk) as b:
                say(
                    f"Node A is process {a.pid}, node B is process {b.pid}. Both have {disk.name} open, and are "
                    "connected. With each command, its CDB, they pass the helper that open file (SCM_RIGHTS)."
                )
                fail_over(a, b)
            let_qemu_connect(helper.socket)
            title("The helper stops: SIGTERM")
            status = helper.stop()
            say(f"It ended with status {status}. Of its log, the line on the failover:")
            for line in helper.output().splitlines():
                if "PREEMPT" in line:
                    say(line, "dim")
    point_qemu_at_it()


def fail_over(a: Node, b: Node) -> None:
    """What the two nodes do."""
    title("1  Both nodes register a key")
    exchange(a, out(OutAction.REGISTER, 0, KEY_A), "A is known to the disk by its key.")
    exchange(b, out(OutAction.REGISTER, 0, KEY_B), "So is B.")

    title("2  Node A takes the disk")
    exchange(a, out(OutAction.RESERVE, KEY_A), "A holds the reservation: a real disk now refuses strangers' writes.")

    title("3  Node B wants it too, and is refused")
    exchange(b, out(OutAction.RESERVE, KEY_B), "There is one holder, and it is not B. B stands by.")

    title("4  Node A hangs")
    a.stop()
    say(
        f"Process {a.pid} is stopped (SIGSTOP). It answers nobody, yet it is not dead: what it was about to do it may "
        "still do, whenever it wakes up. Here it was about to renew its reservation."
    )
    a.begin(out(OutAction.RESERVE, KEY_A))

    title("5  Node B finds out who holds the disk, and takes over")
    exchange(b, read(InAction.READ_RESERVATION), "The key of A, which is silent.")
    preempt = out(OutAction.PREEMPT, KEY_B, KEY_A)
    exchange(b, preempt, "In one step A's key is removed and the reservation is B's. This is what fences A.")
    exchange(b, read(InAction.READ_RESERVATION), "B may start the cluster's services.")

    title("6  Node A wakes up, and learns that it is out")
    a.wake()
    say(f"Process {a.pid} goes on (SIGCONT), as if nothing had happened.")
    renew = out(OutAction.RESERVE, KEY_A)
    show_request(a, renew)
    show_reply(a, renew, a.reply(), "The first command afterwards is told once what has changed.")
    exchange(a, renew, "And from then on A is refused. It has to join again, as a new member.")


def exchange(node: Node, command: Command, comment: str) -> None:
    """One command, its answer, and what that means."""
    node.begin(command)
    show_request(node, command)
    show_reply(node, command, node.reply(), comment)


def show_request(node: Node, command: Command) -> None:
    """What a node sends."""
    print()
    show_bytes(f"{node.name} ->", command.cdb, "CDB, and the disk")
    if command.parameter_list:
        show_bytes("", command.parameter_list, "parameter list")
    say(str(command), "cyan", indent=7)


def show_reply(node: Node, command: Command, reply: Reply, comment: str) -> None:
    """What comes back."""
    show_bytes(
        f"{node.name} <-", reply.status.to_bytes(4, "big") + len(reply.payload).to_bytes(4, "big"), "status, size"
    )
    if any(reply.sense):
        show_bytes("", reply.sense[:16], "sense data")
    if reply.payload:
        show_bytes("", reply.payload, "data")
    say(meaning(command, reply), colour(reply), indent=7)
    say(comment, indent=7)


def let_qemu_connect(socket: Path) -> None:
    """QEMU's own pr-manager-helper object connects as soon as it is made."""
    title("QEMU connects as well")
    if shutil.which("qemu-system-x86_64") is None:
        say("qemu-system-x86_64 is not installed here, so this is left out.")
        return
    for manager in query_pr_managers(socket):
        say(f"query-pr-managers: {manager}", "green")


def point_qemu_at_it() -> None:
    """What to type for a virtual machine."""
    title("Now with a virtual machine")
    say(
        "As root, for a SCSI disk /dev/sdX that has no reservations. A disk that has them needs no --emulate, and "
        "then its reservations are real."
    )
    print(
        paint(
            """
  prhelper -k /run/pr.sock --emulate &
  qemu-system-x86_64 ... -object pr-manager-helper,id=pr0,path=/run/pr.sock \\
    -device virtio-scsi-pci -device scsi-block,drive=hd \\
    -blockdev node-name=hd,driver=raw,file.driver=host_device,\\
file.filename=/dev/sdX,file.pr-manager=pr0
""",
            "cyan",
        )
    )
    say("A disk to try it on, without hardware: modprobe scsi_debug dev_size_mb=64")


def reader_has_left() -> bool:
    """Whether whoever reads the story has seen enough, as `head` has."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        if not reader_has_left():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
