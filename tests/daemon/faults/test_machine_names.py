"""The log names the virtual machine: certain by its scope, or by its own word; a client can hold nobody up with it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from ...support.fuse import HeldFile
from ...support.helper import Helper, for_any_interpreter, wait_until
from ...support.programs import missing

REPOSITORY = Path(__file__).parents[3]

CLIENT = """\
import os, sys
from tests.support.client import Client
from tests.support.nexus import Nexus, over
sys.stdin.readline()
with Client(sys.argv[1]) as client:
    nexus = Nexus(over(client, os.open(sys.argv[2], os.O_RDWR)))
    for key in sys.stdin:
        print(nexus.register(int(key)), flush=True)
"""

HOLDS_ITS_MEMORY = """\
import ctypes, gc, mmap, os, socket, sys, threading
gc.disable()
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
held = os.open(sys.argv[2], os.O_RDWR)
address = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, held, 0)
ctypes.memset(address, 1, 1)
MAP_FIXED = 0x10
over_it = address, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED, -1, 0
client = socket.socket(socket.AF_UNIX)
path = sys.argv[1].encode()
threading.Thread(target=lambda: libc.mmap(*over_it), daemon=True).start()
sys.stdin.readline()
client.connect(path)
sys.stdin.readline()
"""
"""To take the mapping away, the kernel must write it, while this process's memory is locked against every reader."""


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    options = ["--emulate=all", "--emulate-nexus=connection", f"--state-directory={tmp_path / 'state'}"]
    with Helper(tmp_path, options=options) as helper:
        yield helper


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    return path


class Process:
    """A client in a process of its own; it does the next thing when it gets a line."""

    def __init__(self, program: str, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **for_any_interpreter()},
        )
        self.pid = self.process.pid

    def go_on(self, text: str = "") -> None:
        _pipe(self.process.stdin).write(f"{text}\n")
        _pipe(self.process.stdin).flush()

    def register(self, key: int) -> int:
        self.go_on(str(key))
        return int(_pipe(self.process.stdout).readline())

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def lines(helper: Helper, pid: int) -> list[str]:
    """What the log says of a client's commands."""
    return [line for line in helper.output().splitlines() if f"pid {pid} " in line and "RESERVE OUT" in line]


@contextlib.contextmanager
def scope(name: str) -> Iterator[Path]:
    """A cgroup that looks as libvirt's."""
    hierarchy = next((path for path in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")) if path.is_dir()), None)
    if hierarchy is None or Path("/run/systemd/system").exists():
        missing("needs root and cgroups that no systemd manages")
    made = hierarchy / "machine.slice" / name
    was_there = made.parent.exists()
    try:
        made.mkdir(parents=True)
    except OSError as error:
        missing(f"needs a cgroup of its own: {error}")
    try:
        yield made
    finally:
        made.rmdir()
        if not was_there:
            made.parent.rmdir()


def test_a_machine_in_a_scope_of_libvirts_is_named_whatever_it_says_itself(helper: Helper, disk: Path) -> None:
    with scope(r"machine-qemu\x2d3\x2dweb\x2d1.scope") as made:
        with Process(CLIENT, helper.socket, disk, "-name", "guest=another") as client:
            (made / "cgroup.procs").write_text(str(client.pid))
            client.go_on()
            assert client.register(1) == 0
            wait_until(lambda: lines(helper, client.pid))
            assert ', machine "web-1": ' in lines(helper, client.pid)[0]
        wait_until(lambda: not (made / "cgroup.procs").read_text())


def test_a_machine_without_a_scope_is_named_by_its_own_word_once_that_is_known(helper: Helper, disk: Path) -> None:
    with Process(CLIENT, helper.socket, disk, "-name", "guest=web1,debug-threads=on") as client:
        client.go_on()
        for key in range(1, 50):
            client.register(key)
            wait_until(lambda: len(lines(helper, client.pid)) == key)  # noqa: B023 (called at once)
            if ', machine "web1" by its own word: ' in lines(helper, client.pid)[-1]:
                return
    pytest.fail(helper.output())


def test_a_client_whose_command_line_cannot_be_read_holds_nobody_up(helper: Helper, disk: Path, tmp_path: Path) -> None:
    try:
        file = HeldFile(tmp_path / "held")
    except OSError as error:
        missing(f"needs root and FUSE: {error}")
    with file, Process(CLIENT, helper.socket, disk, "-name", "web1") as other:
        with Process(HOLDS_ITS_MEMORY, helper.socket, file.path) as holder:
            file.wait()
            holder.go_on()
            named = f"/proc/{holder.pid}/cmdline"
            wait_until(lambda: named in helper.open_files(), what="the helper to read the command line")
            other.go_on()
            assert other.register(1) == 0
            assert other.register(2) == 0x18
            wait_until(lambda: len(lines(helper, other.pid)) == 2)
            assert "machine" not in helper.output()  # its account's names have to wait
            assert named in helper.open_files()
            file.close()
        wait_until(lambda: named not in helper.open_files())
        wait_until(lambda: other.register(3) and 'machine "web1" by its own word' in helper.output())


def test_a_thread_that_is_held_up_does_not_keep_the_helper_from_stopping(helper: Helper, tmp_path: Path) -> None:
    try:
        file = HeldFile(tmp_path / "held")
    except OSError as error:
        missing(f"needs root and FUSE: {error}")
    with file, Process(HOLDS_ITS_MEMORY, helper.socket, file.path) as holder:
        file.wait()
        holder.go_on()
        wait_until(lambda: f"/proc/{holder.pid}/cmdline" in helper.open_files())
        assert helper.stop() == 0
        file.close()
