"""A back end on a channel that changes its event loop between messages, and QEMU's vhost-user-blk as the front end.

The guest is QEMU's BIOS and a boot sector: it reads and writes the disk, and each boot is another handshake. What QEMU
itself says it has sent is in its trace.
"""

import contextlib
import itertools
import os
import random
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from prhelper.channel import SocketChannel

from ...support.programs import require_program
from ...unit.channel.contexts import CONTEXTS, PATIENCE, Context
from ...unit.channel.watching import Waits
from .back_end import BackEnd
from .boot_sector import BOOT_SECTOR, EXIT_STATUS
from .disk import Disk
from .messages import Request
from .virtio import SECTOR

SECTORS = 2048


class Machine:
    """QEMU with nothing but a vhost-user-blk disk. It connects to `listener`, and ends when its guest says so."""

    def __init__(self, listener: socket.socket, directory: Path) -> None:
        self.debug, self._trace = directory / "debug", directory / "trace"
        self.process = subprocess.Popen(
            [
                require_program("qemu-system-x86_64", "qemu-system-x86"),
                *("-machine", "pc,memory-backend=memory", "-m", "16", "-nodefaults", "-display", "none"),
                *("-object", "memory-backend-memfd,id=memory,size=16M,share=on"),
                *("-chardev", f"socket,id=disk,path={listener.getsockname()}"),
                *("-device", "vhost-user-blk-pci,chardev=disk,num-queues=1,bootindex=0"),
                *("-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-debugcon", f"file:{self.debug}"),
                *("-trace", "vhost_user_write", "-D", os.fspath(self._trace)),
            ],
            stdin=subprocess.DEVNULL,
        )

    def sent(self) -> list[Request]:
        """What it says that it has sent."""
        lines = re.findall(r"vhost_user_write req:(\d+)", self._trace.read_text())
        return [Request(int(number)) for number in lines]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(tmp_path / "vhost.sock"))
        sock.listen()
        sock.settimeout(PATIENCE)
        yield sock


def bootable(boots: int) -> tuple[Disk, bytes]:
    """A disk for so many boots, and what the guest tells meanwhile: the second sector, counted down."""
    content = bytearray(random.Random(1).randbytes(SECTORS * SECTOR))
    content[:SECTOR] = BOOT_SECTOR
    content[SECTOR] = boots
    rest = content[SECTOR + 1 : 2 * SECTOR]
    return Disk(bytes(content)), b"".join(bytes([left]) + rest for left in reversed(range(boots)))


@contextlib.contextmanager
def conversation(listener: socket.socket, machine: Machine, disk: Disk) -> Iterator[BackEnd]:
    """A back end that QEMU has just connected to."""
    with machine, SocketChannel(listener.accept()[0]) as channel, BackEnd(channel, disk) as back_end:
        yield back_end


def test_a_guest_boots_from_a_disk_that_is_served_in_one_context(
    listener: socket.socket, tmp_path: Path, context: Context
) -> None:
    disk, told = bootable(2)
    machine = Machine(listener, tmp_path)
    with conversation(listener, machine, disk) as back_end:
        assert context.run(back_end.serve) is False
        assert machine.process.wait(PATIENCE) == EXIT_STATUS
    assert machine.debug.read_bytes() == told
    assert disk.content[SECTOR] == 0
    assert back_end.served == machine.sent()


def test_no_message_is_lost_or_out_of_order_when_the_loop_is_another_one_for_each(
    listener: socket.socket, tmp_path: Path, waits: Waits
) -> None:
    boots = 20
    disk, told = bootable(boots)
    machine = Machine(listener, tmp_path)
    places = itertools.cycle(CONTEXTS)
    moves = 0
    with conversation(listener, machine, disk) as back_end:
        while True:
            serving = next(places).start(back_end.serve)
            waits.next()
            back_end.channel.quiesce()
            if not serving.result():
                break
            back_end.channel.resume()
            moves += 1
        assert machine.process.wait(PATIENCE) == EXIT_STATUS
    assert machine.debug.read_bytes() == told
    assert back_end.served == machine.sent()
    assert back_end.served.count(Request.SET_VRING_KICK) == boots
    assert back_end.served.count(Request.GET_VRING_BASE) in (boots - 1, boots)  # since QEMU 10 at its exit as well
    assert moves >= len(back_end.served) > 10 * boots
