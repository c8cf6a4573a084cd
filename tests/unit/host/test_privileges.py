"""What a process may still do after it dropped its privileges, according to the kernel."""

import json
import os
import pwd
import subprocess
import sys

import pytest

CAP_SYS_RAWIO_ONLY = "0000000000020000"
NOTHING = "0000000000000000"
NOBODY = pwd.getpwnam("nobody")

PROGRAM = """
import ctypes, json, os, sys, threading
from prhelper.host import privileges
from prhelper.host.accounts import look_up

{before}
try:
    privileges.drop_privileges(look_up(*json.loads(sys.argv[1])))
except privileges.PrivilegeError as error:
    sys.exit(str(error))
status = {{}}
def read():
    for line in open("/proc/thread-self/status"):
        name, _, value = line.partition(":")
        status[name] = value.split()
thread = threading.Thread(target=read)
thread.start()
thread.join()
print(json.dumps(status))
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up: run the tests as root")


def drop(user: str | None, group: str | None, before: str = "") -> dict[str, list[str]] | str:
    """Drop privileges in another process: what a thread started afterwards has, or the error."""
    program = PROGRAM.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps([user, group])], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr
    status: dict[str, list[str]] = json.loads(done.stdout)
    return status


def sets(status: dict[str, list[str]] | str) -> dict[str, list[str]]:
    assert isinstance(status, dict), status
    return {name: status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Groups")}


ONE_CAPABILITY = {
    "CapEff": [CAP_SYS_RAWIO_ONLY],
    "CapPrm": [CAP_SYS_RAWIO_ONLY],
    "CapInh": [NOTHING],
    "CapBnd": [NOTHING],
    "CapAmb": [NOTHING],
    "NoNewPrivs": ["1"],
    "Groups": [],
}


@as_root
@pytest.mark.parametrize(
    ("user", "group", "uid", "gid"),
    [
        (None, None, 0, 0),
        ("nobody", None, NOBODY.pw_uid, NOBODY.pw_gid),
        ("nobody", "0", NOBODY.pw_uid, 0),
        (None, "4242", 0, 4242),
        ("4242", "4243", 4242, 4243),
    ],
)
def test_root_keeps_one_capability_and_becomes_the_user_asked_for(
    user: str | None, group: str | None, uid: int, gid: int
) -> None:
    status = drop(user, group, "os.setgroups([1, 2, 3])")
    assert sets(status) == ONE_CAPABILITY
    assert isinstance(status, dict)
    assert (status["Uid"], status["Gid"]) == ([str(uid)] * 4, [str(gid)] * 4)


@as_root
def test_user_without_privileges_is_left_as_it_is() -> None:
    status = sets(drop(None, None, "os.setgroups([]); os.setresuid(4242, 4242, 4242)"))
    assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == ([NOTHING], [NOTHING], ["1"])


@as_root
def test_changing_the_user_without_the_right_to_is_refused_with_the_remedy() -> None:
    error = drop("nobody", None, "os.setgroups([]); os.setresuid(4242, 4242, 4242)")
    assert "systemd unit that sets User= needs neither" in str(error)


@as_root
def test_process_with_nothing_to_drop_makes_no_privileged_call() -> None:
    """A sandbox (SystemCallFilter=~@privileged) may forbid capset(2) and setresuid(2) outright."""
    become = "privileges.drop_privileges(look_up('nobody', None))"
    forbid = "privileges.libc.capset = None; os.setresuid = os.setresgid = os.setgroups = None"
    assert sets(drop("nobody", None, f"{become}; {forbid}")) == ONE_CAPABILITY
