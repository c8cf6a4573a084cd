"""Daemon and worker confined by the AppArmor profiles that the project ships: what they do, and what they may not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.helper import is_listening, wait_until
from tests.support.programs import require_program
from tests.support.spc import APTPL, GOOD, Out

from .. import helper
from . import apparmor
from .conftest import nexus
from .test_multipath_worker import wait_for_log
from .units import SERVICE, WORKER, main_pid, show, systemctl, with_options

PROFILES = ("prhelper", "prhelper-multipath")
"""Of the daemon and the worker."""

pytestmark = [pytest.mark.usefixtures("clean"), pytest.mark.timeout(180)]  # several starts, slow ones

TRY = """\
import json, os, socket, sys
def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"
attempts = {
    "read a secret": lambda: open("/etc/shadow"),
    "write elsewhere": lambda: open("/etc/prhelper", "w"),
    "open memory": lambda: open("/dev/mem", "rb"),
    "run a shell": lambda: os.execv("/bin/sh", ["sh", "-c", "exit"]),
    "use the network": lambda: socket.socket(socket.AF_INET),
    "open a path of a map": lambda: open(sys.argv[1], "rb"),
}
print(json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}))
"""

IN_A_DEV_OF_ITS_OWN = """\
set -e
disk=$1 number=$(stat -c '%Hr %Lr' $1)
shift
mount -t tmpfs -o mode=755 dev /mnt
mknod /mnt/null c 1 3
mknod /mnt/urandom c 1 9
mknod /mnt/$(basename $disk) b $number
mount --move /mnt /dev
exec "$@"
"""
"""As libvirt's guests have it: the names that AppArmor sees there lead nowhere from the host's root."""

ASK = """\
import os, sys
from tests.support.client import Client, HungUpError
from tests.support.spc import reserve_in
socket, path = sys.argv[1:]
with Client(socket, timeout=60) as client:
    fd = os.open(path, os.O_RDONLY)
    try:
        print(client.command(fd, reserve_in(0)).status)
    except (HungUpError, BrokenPipeError, ConnectionResetError):
        print("hung up")
"""


@pytest.fixture(scope="module", autouse=True)
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    require_program("apparmor_parser", "apparmor")
    assert apparmor.is_on()
    with apparmor.loaded(tmp_path_factory.mktemp("profiles")):
        yield


@pytest.fixture(autouse=True)
def denials() -> Iterator[list[str]]:
    """What may be denied in a test; anything else fails it."""
    before = len(apparmor.denied())
    expected: list[str] = []
    yield expected
    assert sorted(set(apparmor.denied()[before:])) == sorted(expected)


def test_daemon_and_worker_reserve_under_their_profiles_and_are_denied_nothing(
    device: Path,
    mpath: Path,
    socket: Path,
) -> None:
    for disk in (device, mpath):
        with nexus(disk, socket) as client:
            assert client.register(0xA) == GOOD
            assert client.reserve(0xA) == GOOD
            assert client.clear(0xA) == GOOD
    profiles = [apparmor.profile_of(main_pid(unit)) for unit in (SERVICE, WORKER)]
    assert profiles == [f"{profile} (enforce)" for profile in PROFILES]
    systemctl("stop", SERVICE, WORKER)
    assert [show(unit, "Result") for unit in (SERVICE, WORKER)] == ["success", "success"]


def test_helper_that_is_started_by_hand_binds_and_removes_its_socket_under_the_profile(device: Path) -> None:
    path = Path("/run/machine1/pr.sock")
    path.parent.mkdir()
    command = [
        "aa-exec",
        "-p",
        "prhelper",
        "--",
        *helper.COMMAND,
        "-k",
        str(path),
        "--state-directory=/var/lib/prhelper",
    ]
    with subprocess.Popen(command) as process:
        wait_until(lambda: is_listening(path), 60.0, f"{path} to appear")
        with nexus(device, path) as client:
            assert client.keys() == []
            assert apparmor.profile_of(process.pid) == "prhelper (enforce)"
        process.terminate()
    assert (process.returncode, path.exists()) == (0, False)


def test_emulated_reservations_are_kept_under_the_profile(socket: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    with with_options("--emulate"), nexus(disk, socket) as client:
        assert client.write(Out.REGISTER, new=0xA, flags=APTPL).status == GOOD
        assert client.clear(0xA) == GOOD


@pytest.mark.parametrize("profile", PROFILES)
def test_root_under_a_profile_can_do_no_more_than_its_work(device: Path, profile: str, denials: list[str]) -> None:
    before = len(apparmor.denied())
    done = apparmor.under(profile, TRY, str(device))
    denied = "PermissionError"
    denials += apparmor.denied()[before:]
    assert json.loads(done.stdout) == {
        "read a secret": denied,
        "write elsewhere": denied,
        "open memory": denied,
        "run a shell": denied,
        "use the network": denied,
        "open a path of a map": "done",
    }


def ask(socket: Path, disk: Path, path: Path) -> str:
    """What a guest confined by libvirt gets for a descriptor: the status, or a hang-up."""
    client = ["aa-exec", "-p", apparmor.GUEST, "--", sys.executable, "-c", ASK, str(socket), str(path)]
    command = ["unshare", "--mount", "sh", "-c", IN_A_DEV_OF_ITS_OWN, "sh", str(disk), *client]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_of_what_a_confined_guest_opened_in_a_dev_of_its_own_the_disk_arrives_and_a_file_does_not(
    device: Path, socket: Path, denials: list[str]
) -> None:
    assert ask(socket, device, device) == str(GOOD)
    assert ask(socket, device, Path("/etc/hostname")) == "hung up"
    denials.append("file_receive prhelper /etc/hostname")
    wait_for_log("denied by a security module")
