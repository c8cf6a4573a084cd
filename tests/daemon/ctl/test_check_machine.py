"""check: virtual machines, by real QEMUs that have a file where a disk should be."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from prhelper.ctl.check.qmp import connected_managers
from prhelper.ctl.hosts_machines import machine_of

from ...support.checking import check
from ...support.helper import Helper
from ...support.idle_qemu import start_idle_qemu
from .conftest import Run

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def helper(tmp_path: Path, stack: ExitStack) -> Helper:
    return stack.enter_context(Helper(tmp_path, options=["-q"]))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a QEMU that runs nothing; returns when it is up."""
    with ExitStack() as stack:
        yield partial(start_idle_qemu, stack)


def disk_of(path: Path, device: str = "scsi-hd") -> tuple[str, ...]:
    node = {"driver": "file", "filename": str(path), "node-name": "hd", "pr-manager": "pr0"}
    return "-blockdev", json.dumps(node), "-device", f"{device},drive=hd"


def manager(helper: Helper) -> tuple[str, str]:
    return "-object", f"pr-manager-helper,id=pr0,path={helper.socket}"


def test_machine_that_has_a_file_as_a_plain_disk_is_told_both(helper: Helper, disk: Path, start: Start) -> None:
    qemu = start("db1", *manager(helper), *disk_of(disk))
    found = check("--vm", "db1")
    assert found.codes == ["not-a-disk", "wrong-guest-device"]
    assert found.one("wrong-guest-device")["about"] == f'machine "db1" (pid {qemu.pid}), {disk}'
    assert check("--vm", str(qemu.pid)).codes == found.codes
    assert set(found.codes) <= set(check().codes)


def test_what_is_named_twice_is_looked_at_once(helper: Helper, disk: Path, start: Start, ctl: Run) -> None:
    qemu = start("db4", *manager(helper), *disk_of(disk))
    done = ctl("check", "--json", "--vm", "db4", "--vm", str(qemu.pid), disk, disk)
    checked = json.loads(done.out)["checked"]
    assert checked == [str(helper.socket), f'machine "db4" (pid {qemu.pid})', str(disk)]


def test_machine_whose_helper_was_killed_is_told_so(helper: Helper, disk: Path, start: Start) -> None:
    start("db2", *manager(helper), *disk_of(disk, "virtio-blk-pci"))
    helper.kill()
    found = check("--vm", "db2")
    assert found.codes == ["socket-unserved", "not-a-disk", "wrong-guest-device"]
    assert found.one("socket-unserved")["about"] == str(helper.socket)


def test_manager_that_qemu_says_is_connected_is_not_complained_of(
    helper: Helper, disk: Path, start: Start, tmp_path: Path
) -> None:
    monitor = ("-chardev", f"socket,id=m,path={tmp_path / 'qmp'},server=on,wait=off", "-mon", "chardev=m,mode=control")
    qemu = start("db3", *manager(helper), *disk_of(disk), *monitor)
    machine = machine_of(qemu.pid)
    assert machine is not None
    assert connected_managers(machine) == {"pr0": True}
    assert "pr-manager-disconnected" not in check("--vm", "db3").codes


def test_machine_that_does_not_exist_is_refused(ctl: Run) -> None:
    done = ctl("check", "--vm", "no-such-machine")
    assert done.status == 64
    assert "no machine has that name or PID" in done.err
    assert "--as its user" in done.err
