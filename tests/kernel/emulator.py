"""One emulated machine: QEMU without acceleration, which needs no rights and no KVM.

The machine has three serial ports. The kernel's console (ttyS0) goes to a file, for people and for the story of a
failure. The second (ttyS1) carries the tests' reports and nothing else, a line each: the kernel never writes there, so
no message of its own can tear a report apart. The third (ttyS2) carries a byte each BEAT seconds: a machine that runs
virtual machines of its own by KVM stands still now and then, with every process in it.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from .kernel import Kernel

BEAT = 5
"""Seconds from one sign of life to the next."""

MAX_PAUSE = 100
"""Seconds without one after which the machine stands still, and is not only slow."""


class HungError(Exception):
    """The guest has reported nothing for longer than it may."""


class StillError(Exception):
    """The machine stands still, whatever is run in it."""


class Emulator:
    """A running guest that boots into `script` (a file on the host). Whoever creates it calls `stop` and `reap`."""

    def __init__(self, kernel: Kernel, script: Path, console: Path, memory: int) -> None:
        self._beats = console.with_suffix(".beats")
        # no_timer_check: on a busy machine the kernel's test of the timer can fail, and it panics.
        # No huge pages: khugepaged, which is last in turn on the one processor, would hold up a process for seconds.
        settings = "quiet panic=-1 no_timer_check transparent_hugepage=never"
        arguments = f'console=ttyS0 {settings} "guest_script={script}"'
        if kernel.folders:
            arguments += f' "guest_folders={":".join(map(str, kernel.folders))}"'
        shares = [
            f"local,path={path},mount_tag={name},security_model=none,readonly=on,multidevs=remap"
            for name, path in kernel.shares.items()
        ]
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),  # not to outlive us, however we end
                "qemu-system-x86_64",
                *("-accel", "tcg", "-cpu", "max,la57=off", "-smp", "1", "-m", str(memory)),
                *("-display", "none", "-monitor", "none", "-vga", "none", "-nic", "none", "-no-reboot"),
                *("-kernel", str(kernel.image), "-initrd", str(kernel.initramfs), "-append", arguments),
                *(argument for share in shares for argument in ("-virtfs", share)),
                *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
                *("-chardev", "stdio,id=reports,signal=off", "-serial", "chardev:reports"),
                *("-chardev", f"file,id=beats,path={self._beats}", "-serial", "chardev:beats"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def lines(self, silence: float) -> Iterator[str]:
        """Yield what the guest reports until it powers off.

        Raises HungError after `silence` seconds without a report, and StillError.
        """
        assert self._process.stdout is not None
        port = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(port, select.POLLIN)
        pending = b""
        deadline = time.monotonic() + silence
        while True:
            if not poll.poll(BEAT * 1000):
                if time.monotonic() > deadline:
                    raise HungError(f"no report from the guest for {silence:.0f} seconds")
                self._check_that_it_moves()
                continue
            chunk = os.read(port, 65536)
            if not chunk:
                return
            *complete, pending = (pending + chunk).split(b"\n")
            for line in complete:
                deadline = time.monotonic() + silence
                yield line.decode(errors="replace").rstrip("\r")

    def _check_that_it_moves(self) -> None:
        """Raises StillError, of a machine that has given signs of life, and gives none any more."""
        with contextlib.suppress(FileNotFoundError):
            beats = self._beats.stat()
            if beats.st_size and time.time() - beats.st_mtime > MAX_PAUSE:
                raise StillError(f"the machine has stood still for {MAX_PAUSE} seconds")

    def stop(self) -> None:
        """End the emulator, whatever it does. Any thread may call this."""
        self._process.kill()

    def reap(self) -> None:
        """Let go of an emulator that has ended or been stopped."""
        with self._process:
            pass


def tail(console: Path, lines: int) -> str:
    """The end of what a console showed."""
    text = console.read_text(errors="replace") if console.exists() else ""
    return "\n".join(line.rstrip("\r") for line in text.split("\n")[-lines:])
