"""The multipath worker's units under the real systemd, and a map whose reservations go through daemon and worker."""

from __future__ import annotations

import grp
import os
import signal
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.helper import wait_until
from tests.support.spc import CHECK_CONDITION, GOOD, INVALID_OPCODE, reserve_in, sense_code

from ..initiators import straight
from .conftest import ONLY_SYS_RAWIO, nexus
from .units import GROUP, LOG, SERVICE, WORKER, WORKER_SOCKET, listens_at, main_pid, may_write, show

pytestmark = pytest.mark.usefixtures("clean")


def address(disk: Path) -> str:
    """The SCSI address of a disk, by which the log names a path."""
    return Path(f"/sys/block/{disk.name}/device").resolve().name


def wait_for_log(text: str) -> None:
    """Wait until daemon or worker has logged a text."""
    wait_until(lambda: text in LOG.read_text(), what=f"'{text}' in the log")


PLACES = ["/", "/dev", "/dev/shm", "/etc", "/run", "/var/lib", "/var/lib/prhelper-multipath", "/tmp", "/var/tmp"]


def test_without_a_map_the_worker_is_not_started(devices: list[Path], socket: Path) -> None:
    with nexus(devices[0], socket) as disk:
        assert disk.register(0xB) == GOOD
        assert disk.clear(0xB) == GOOD
    assert show(WORKER, "ActiveState") == "inactive"


class TestOneStart:
    """The first test starts daemon and worker."""

    def test_worker_is_started_with_the_daemon_where_there_is_a_map_and_reserves_on_every_path(
        self, devices: list[Path], mpath: Path, socket: Path
    ) -> None:
        """Unasked, since it may have something to repair."""
        with nexus(devices[0], socket) as disk:
            assert disk.keys() == []
        wait_until(lambda: show(WORKER, "ActiveState") == "active", timeout=60, what="the worker to be active")
        with nexus(mpath, socket) as ours, ExitStack() as stack:
            assert ours.register(0xA) == GOOD
            assert ours.reserve(0xA) == GOOD
            other = straight(devices[2], stack)
            assert other.keys() == [0xA, 0xA]
            assert other.holder() == 0xA
            assert ours.clear(0xA) == GOOD
        wait_for_log(f"map mpatest, WWID test, by {address(devices[0])}, {address(devices[1])}")

    def test_worker_is_root_with_one_capability_and_none_of_its_rights_over_files(
        self, mpath: Path, socket: Path
    ) -> None:
        with nexus(mpath, socket) as client:
            client.keys()
            pid = main_pid(WORKER)
            text = Path(f"/proc/{pid}/status").read_text()
            status = dict(line.split(":\t", 1) for line in text.splitlines())
            assert set(status["Uid"].split()) == {"0"}
            assert {status[name] for name in ("CapPrm", "CapEff")} == {ONLY_SYS_RAWIO}
            assert status["CapBnd"] in (ONLY_SYS_RAWIO, f"{0:016x}")
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
            writable = [place for place in PLACES if may_write(pid, place)]
            assert writable == ["/var/lib/prhelper-multipath", "/tmp", "/var/tmp"]

    def test_daemon_alone_is_let_in_to_the_worker(self, mpath: Path, socket: Path) -> None:
        path = listens_at(WORKER_SOCKET)
        status = path.stat()
        group = grp.getgrnam(GROUP)
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o660, 0, group.gr_gid)
        assert group.gr_mem == []
        with nexus(mpath, socket) as client:
            client.keys()
            daemon = Path(f"/proc/{main_pid(SERVICE)}/status").read_text()
        assert str(group.gr_gid) in next(line for line in daemon.splitlines() if line.startswith("Groups:")).split()
        ask = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        refused = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "python3", "-c", ask], capture_output=True
        )
        assert b"PermissionError" in refused.stderr

    def test_worker_refuses_a_disk_that_is_no_map(self, device: Path) -> None:
        with Client(listens_at(WORKER_SOCKET), negotiate=False, timeout=60) as client:
            client.receive(4)
            client.send(bytes(4))
            fd = os.open(device, os.O_RDWR)
            reply = client.command(fd, reserve_in(0))
            os.close(fd)
        assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)
        wait_for_log(f"({device.name}): it is no multipath map and lies on none")

    def test_worker_that_is_killed_is_started_again_and_answers_what_waits_for_it(
        self, mpath: Path, socket: Path
    ) -> None:
        with nexus(mpath, socket) as client:
            assert client.register(0xA) == GOOD
            killed = main_pid(WORKER)
            os.kill(killed, signal.SIGKILL)
            assert client.keys() == [0xA, 0xA]
            assert main_pid(WORKER) not in (0, killed)
            assert client.clear(0xA) == GOOD
