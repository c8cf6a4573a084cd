"""Who has connected: a process that has ended is nobody, for what it was counted under cannot be seen any more."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.host.peer import Peer

from ...support.helper import wait_until

ENDS_ITS_MAIN_THREAD = """\
import ctypes, os, sys, threading
threading.Thread(target=sys.stdin.read).start()
SYS_exit = {"x86_64": 60, "aarch64": 93, "riscv64": 93}[os.uname().machine]
ctypes.CDLL(None).syscall(SYS_exit, 0)
"""


@contextlib.contextmanager
def child(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-I", "-c", program], stdin=subprocess.PIPE) as process:
        yield process.pid


def state(pid: int) -> str:
    """The state of its main thread (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_that_lives_is_counted_under_its_unit_or_user() -> None:
    with child("import sys; sys.stdin.read()") as pid:
        peer = Peer.of(pid, 107)
        assert (peer.pid, peer.uid) == (pid, 107)
        assert peer.started == int(Path(f"/proc/{pid}/stat").read_text().split()[21])
        assert peer.account


def test_a_process_that_cannot_be_seen_is_counted_by_its_user() -> None:
    assert Peer.of(0, 107).account == "user 107"


def test_a_process_that_was_waited_for_has_ended() -> None:
    with child("") as pid:
        pass
    with pytest.raises(ProcessLookupError, match=f"pid {pid} uid 107 has ended"):
        Peer.of(pid, 107)


def test_a_process_that_was_not_waited_for_has_ended() -> None:
    with child("") as pid:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ProcessLookupError):
            Peer.of(pid, 107)


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64", "riscv64"), reason="no number of exit(2) known")
def test_a_process_whose_main_thread_has_ended_counts_as_ended() -> None:
    """A hierarchy of version 1 then shows its cgroup as the root."""
    with child(ENDS_ITS_MAIN_THREAD) as pid:
        wait_until(lambda: state(pid) == "Z", what="the main thread to end")
        with pytest.raises(ProcessLookupError):
            Peer.of(pid, 107)


def test_a_process_that_proc_hides_is_counted_by_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(path: Path) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes", hidden)
    assert Peer.of(os.getpid(), 107).account == "user 107"
    assert Peer.of(1, 107).account == "user 107"
