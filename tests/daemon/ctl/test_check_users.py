"""check: why a user is kept out, and which helper has which machine."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.check import access, listening, machine, serving, turning_away, users
from prhelper.ctl.check.users import User
from prhelper.ctl.exits import ToolError
from prhelper.ctl.hosts_machines import Machine
from prhelper.ctl.qemu import CommandLine, GuestDisk

from ...support.checking import check
from ...support.client import Client
from ...support.helper import OURS, Helper, is_another_file, wait_until
from ...support.programs import require_mount_namespace

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
NOBODY = User(65534, 65534, (), "nobody")


@pytest.fixture
def path() -> Iterator[Path]:
    """A socket that only root may use, in a folder that all may enter."""
    with tempfile.TemporaryDirectory(prefix="prhelper-check-", dir="/tmp") as folder, socket.socket(1) as listener:
        Path(folder).chmod(0o755)
        listener.bind(f"{folder}/socket")
        listener.listen()
        Path(folder, "socket").chmod(0o660)
        yield Path(folder, "socket")


def access_control_list(*entries: tuple[int, int, int]) -> bytes:
    """As the kernel takes it: tag, rights, uid or gid, of the owner's entry (0x01) to that of others (0x20)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@NEEDS_ROOT
@pytest.mark.parametrize(("entry", "words"), [((0x02, 6, 65534), "user:nobody:rw-"), ((0x08, 6, 65534), "group:")])
def test_right_that_chmod_has_taken_from_an_access_control_list(
    path: Path, entry: tuple[int, int, int], words: str
) -> None:
    others = (0x01, 6, 2**32 - 1), (0x04, 0, 2**32 - 1), (0x10, 6, 2**32 - 1), (0x20, 0, 2**32 - 1)
    with_entry = sorted([*others, entry])
    os.setxattr(path, "system.posix_acl_access", access_control_list(*with_entry))
    assert list(access.to_socket(NOBODY, path, "socket")) == []
    path.chmod(0o600)
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert "is srw-------+ root:root" in finding.seen
    assert words in finding.remedy
    assert f"setfacl -m m::rw- {path}" in finding.remedy


OWNER, OWNING_GROUP, OTHERS = (0x01, 6, 2**32 - 1), (0x04, 0, 2**32 - 1), (0x20, 0, 2**32 - 1)


@NEEDS_ROOT
@pytest.mark.parametrize(
    ("entries", "gid", "remedy"),
    [
        pytest.param(
            [(0x02, 0, 65534), (0x08, 6, 65534), (0x10, 0, 2**32 - 1)],
            0,
            "has user:nobody:---, which keeps the user out whatever else allows it: setfacl -m u:nobody:rw- ",
            id="an entry of the user's own is before those of groups",
        ),
        pytest.param(
            [(0x02, 0, 65534), (0x10, 6, 2**32 - 1)],
            65534,
            "has user:nobody:---, which keeps the user out",
            id="modes would allow it",
        ),
        pytest.param(
            [(0x02, 6, 1), (0x10, 4, 2**32 - 1), (0x04, 6, 2**32 - 1)],
            65534,
            "has group::rw-, which the mask takes away, as chmod does: setfacl -m m::rw- ",
            id="the mask is of the owning group as well",
        ),
    ],
)
def test_entry_that_decides_is_the_one_that_is_named(
    path: Path, entries: list[tuple[int, int, int]], gid: int, remedy: str
) -> None:
    os.chown(path, 0, gid)
    of_group = () if any(tag == 0x04 for tag, *_ in entries) else (OWNING_GROUP,)
    os.setxattr(path, "system.posix_acl_access", access_control_list(*sorted([OWNER, *of_group, OTHERS, *entries])))
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert remedy in finding.remedy


@NEEDS_ROOT
def test_directory_whose_mask_others_need_keeps_what_it_gives_them(path: Path) -> None:
    entries = OWNER, (0x02, 1, 65534), (0x04, 7, 2**32 - 1), (0x10, 4, 2**32 - 1), OTHERS
    os.setxattr(path.parent, "system.posix_acl_access", access_control_list(*entries))
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert f"setfacl -m m::r-x {path.parent}" in finding.remedy


@NEEDS_ROOT
def test_owner_who_may_not_is_not_sent_to_the_group(path: Path) -> None:
    odd = path.with_name("a socket")
    path.rename(odd)
    os.chown(odd, NOBODY.uid, NOBODY.gid)
    odd.chmod(0o060)
    (finding,) = access.to_socket(NOBODY, odd, "socket")
    assert f"chmod u+rw '{odd}'." in finding.remedy


@pytest.mark.parametrize("name", ["4294967295:0", "0:4294967295", "99999999999:1", "9" * 5000])
def test_number_that_no_user_has_is_refused(name: str) -> None:
    with pytest.raises(ToolError, match=r"^--as ") as error:
        users.named(name)
    assert error.value.status == 64


@NEEDS_ROOT
def test_root_who_may_not_become_another_user_looks_at_modes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the user namespace of a container."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setgroups", refused)
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert finding.cause.code == "socket-closed-to-user"
    path.chmod(0o666)
    assert list(access.to_socket(NOBODY, path, "socket")) == []
    assert list(turning_away.user(NOBODY, path, "socket")) == []


@NEEDS_ROOT
def test_process_that_was_started_before_its_account_was_in_the_group(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(path, 0, 4711)
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert finding.remedy == finding.cause.remedy
    monkeypatch.setattr(users, "named", lambda _: NOBODY._replace(groups=(65534, 4711)))
    (finding,) = access.to_socket(NOBODY, path, "socket")
    assert "start it again" in finding.remedy
    assert f"setfacl -m u:nobody:rw {path}" in finding.remedy


@NEEDS_ROOT
def test_user_on_whom_the_helper_hangs_up(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        thread = threading.Thread(target=serve_but_nobody, args=(listener, 1))
        thread.start()
        assert list(turning_away.user(users.ourselves(), path, "socket")) == []  # it has been greeted already
        (finding,) = turning_away.user(NOBODY, path, "socket")
        thread.join()
    assert finding.cause.code == "user-turned-away"
    assert finding.about == "socket, nobody"


def serve_but_nobody(listener: socket.socket, count: int) -> None:
    for _ in range(count):
        with listener.accept()[0] as client:
            _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid != NOBODY.uid:
                client.sendall(bytes(4))


def test_helper_that_was_not_ended_before_the_next_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Helper(tmp_path) as former, contextlib.ExitStack() as stack:
        Client(former.socket).close()
        former.socket.unlink()
        current = stack.enter_context(Helper(tmp_path))
        # Helper waits for one that listens at this path, which the former does.
        wait_until(lambda: serving.greets(current.socket), what="the second helper")
        monkeypatch.setattr(listening, "_found", lambda: iter([former.pid, current.pid]))  # others run others here
        listening.look_again()
        assert listening.server_pid(current.socket) == current.pid
        finding = check("-k", current.socket).one("several-helpers")
    assert f"leads to pid {current.pid}" in finding["seen"]
    assert f"pid {former.pid} listens there too" in finding["seen"]


@NEEDS_ROOT
def test_helper_of_a_container_with_the_same_path_is_not_at_this_one(tmp_path: Path) -> None:
    command = " ".join([*OURS, "-q", "-k", str(tmp_path / "helper.sock")])
    line = [require_mount_namespace(), "--mount", "sh", "-ec", f"mount -t tmpfs none {tmp_path}; exec {command}"]
    with Helper(tmp_path, options=["-q"]) as helper, subprocess.Popen(line) as theirs, contextlib.ExitStack() as stack:
        stack.callback(theirs.terminate)
        there, here = Path(f"/proc/{theirs.pid}/root{helper.socket}"), helper.socket.stat()
        wait_until(lambda: is_another_file(there, here), what="the other's socket")
        wait_until(lambda: listening.servers(there) == [theirs.pid], what="it to listen")
        assert listening.servers(helper.socket) == [helper.pid]


def test_process_whose_name_is_no_text_has_a_user_nevertheless() -> None:
    program = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'\\xff\\nUid:\\t1'); print(flush=True); sys.stdin.read()"
    )
    line = [sys.executable, "-c", program]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = users.of_process(process.pid)
        process.communicate()
    assert found is not None
    assert found.uid == os.geteuid()


def test_clients_that_the_log_says_were_turned_away(path: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    line = 'pid 9 uid 107 "qemu" was turned away: user 107 has 4 connections already, half of --max-clients'
    log.write_text(f"2026-01-01 00:00:00.000 prhelper: warning: {line}\nmore\n")
    (finding,) = turning_away.lately(log.read_text().splitlines(), str(path))
    assert finding.seen == f"1 such lines in its log; the last: {line}"
    assert list(turning_away.lately(["prhelper: served", line.replace("qemu", "prhelperctl")], str(path))) == []


@NEEDS_ROOT
@pytest.mark.parametrize("there", [False, True])
def test_machine_in_whose_root_directory_the_socket_is_not(path: Path, tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / path.relative_to("/")).parent.mkdir(parents=True)
        (tmp_path / path.relative_to("/")).touch()
    program = "import os, sys; os.chroot(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        disk = GuestDisk("scsi-block", "hd", "/dev/sdx", "pr0")
        of_it = Machine(process.pid, 0, "db1", CommandLine({"pr0": str(path)}, (disk,), ()))
        found = list(machine.look(of_it, [disk]))
        process.communicate()
    assert [each.cause.code for each in found] == ([] if there else ["socket-gone"])
