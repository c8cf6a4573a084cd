"""The shipped drop-ins: the daemon as root and without a worker, and one that becomes another user itself."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.spc import GOOD

from .conftest import ONLY_SYS_RAWIO, nexus
from .units import SERVICE, SOURCE, WORKER, WORKER_SOCKET, changed, main_pid, may_write, show, systemctl

pytestmark = [pytest.mark.usefixtures("clean"), pytest.mark.timeout(180)]  # several starts, slow ones


@contextmanager
def with_drop_in(name: str) -> Iterator[None]:
    """While this lasts, the daemon's unit has it. It sorts behind those of the tests."""
    text = (SOURCE / "systemd" / name).read_text().replace("/usr/bin/prhelper", os.environ["GUEST_HELPER"])
    with changed(SERVICE, name, text):
        yield


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


@pytest.mark.parametrize(("name", "user", "worked"), [("root.conf", "root", False), ("own-user.conf", "nobody", True)])
def test_daemon_has_one_capability_and_reserves_maps(
    mpath: Path,
    socket: Path,
    name: str,
    user: str,
    worked: bool,
) -> None:
    if not worked:
        systemctl("stop", WORKER_SOCKET)
    with with_drop_in(name), nexus(mpath, socket) as client:
        assert client.register(0xA) == GOOD
        assert client.keys() == [0xA, 0xA]
        assert client.clear(0xA) == GOOD
        pid = main_pid(SERVICE)
        status = status_of(pid)
        writable = [place for place in ("/dev", "/dev/shm", "/run") if may_write(pid, place)]
        systemctl("stop", SERVICE)
    assert show(WORKER, "ActiveState") == ("active" if worked else "inactive")
    assert set(status["Uid"].split()) == {str(pwd.getpwnam(user).pw_uid)}
    assert {status[each] for each in ("CapPrm", "CapEff")} == {ONLY_SYS_RAWIO}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if user == "root":
        assert writable == []
