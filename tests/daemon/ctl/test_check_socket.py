"""check: what is wrong with a socket, and who may not use it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.check import helpers, listening
from prhelper.ctl.check.causes import CAUSES

from ...support.checking import PAGE, check
from ...support.client import Client
from ...support.helper import Helper
from .conftest import Run

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that other users may enter: pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory(prefix="prhelper-check-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    with Helper(tmp_path) as helper:
        yield helper


def test_healthy_helper_is_found_in_order(ctl: Run, helper: Helper) -> None:
    assert check("-k", helper.socket).codes == []
    assert "nothing found wrong with" in ctl("check", "-k", helper.socket).out


def test_no_helper(tmp_path: Path) -> None:
    found = check("-k", tmp_path / "none")
    assert found.codes == ["helper-missing"]
    assert "No such file" in found.one("helper-missing")["seen"]


def test_helper_that_listens_elsewhere_is_named_where_none_is_found(
    helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Client(helper.socket).close()  # it has started
    assert helper.pid in listening.helper_pids()
    monkeypatch.setattr(helpers, "helper_pids", lambda: [helper.pid])  # others run others here
    monkeypatch.setattr(helpers, "PATIENCE", 20.0)
    finding = check("-k", tmp_path / "none").one("helper-missing")
    assert str(helper.socket) in finding["remedy"]
    assert "give that path to the pr-manager" in finding["remedy"]


def test_helper_that_was_killed_has_left_a_socket_that_nobody_serves(helper: Helper) -> None:
    helper.kill()
    assert check("-k", helper.socket).codes == ["socket-unserved"]


def test_file_in_place_of_the_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert check("-k", tmp_path / "file").codes == ["not-a-socket"]


def test_socket_that_systemd_holds_open_for_a_service_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prhelper.ctl.check.serving.PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        found = check("-k", tmp_path / "socket")
    assert found.codes == ["helper-silent"]
    assert "it took too long" in found.one("helper-silent")["seen"]


def test_helper_that_hangs(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prhelper.ctl.check.serving.PATIENCE", 0.2)
    helper.process.send_signal(signal.SIGSTOP)
    finding = check("-k", helper.socket).one("helper-silent")
    helper.process.send_signal(signal.SIGCONT)
    assert f"pid {helper.pid} listens there" in finding["seen"]
    assert f"kill -CONT {helper.pid}" in finding["remedy"]


def test_control_socket_that_is_no_daemon_s(helper: Helper) -> None:
    finding = check("-k", helper.socket, "-c", helper.socket).one("control-silent")
    assert "that is no control socket" in finding["seen"]


def test_helper_that_has_as_many_clients_as_it_may(tmp_path: Path) -> None:
    with Helper(tmp_path, options=["-q", "--max-clients=1"]) as helper, Client(helper.socket):
        finding = check("-k", helper.socket).one("helper-silent")
    assert "the helper hung up" in finding["seen"]
    assert "--max-clients" in finding["remedy"]


@NEEDS_ROOT
def test_user_who_is_not_in_the_sockets_group(helper: Helper) -> None:
    helper.socket.chmod(0o660)
    found = check("-k", helper.socket, "--as", "nobody")
    assert found.codes == ["socket-closed-to-user"]
    assert f"{helper.socket} is srw-rw---- root:root; the user is nobody" in found.one("socket-closed-to-user")["seen"]


@NEEDS_ROOT
def test_user_who_is_in_the_sockets_group(helper: Helper) -> None:
    os.chown(helper.socket, 0, 65534)
    helper.socket.chmod(0o660)
    assert check("-k", helper.socket, "--as", "nobody").codes == []


@NEEDS_ROOT
def test_user_who_may_not_pass_a_directory(helper: Helper, tmp_path: Path) -> None:
    helper.socket.chmod(0o666)
    tmp_path.chmod(0o700)
    finding = check("-k", helper.socket, "--as", "nobody").one("socket-closed-to-user")
    assert f"{tmp_path} is drwx------" in finding["seen"]
    assert f"through the directory: setfacl -m u:nobody:x {tmp_path}, or chmod o+x" in finding["remedy"]


def by_an_unprivileged_user(*arguments: str) -> str:
    """What it prints, in one line."""
    program = (
        "import os, sys; from prhelper.ctl.cli import main; os.setgroups([]); os.setresgid(1, 1, 1)\n"
        f"os.setresuid(1, 1, 1); sys.exit(main(['check', *{arguments!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (2, "")
    return " ".join(done.stdout.split())


@NEEDS_ROOT
def test_unprivileged_user_finds_out_what_keeps_others_out(helper: Helper) -> None:
    """By the modes alone, since it cannot become them."""
    helper.socket.chmod(0o660)
    assert "the user is nobody" in by_an_unprivileged_user("-k", str(helper.socket), "--as", "nobody")


@NEEDS_ROOT
def test_unprivileged_user_finds_out_which_directory_it_may_not_pass(helper: Helper, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert f"{tmp_path} is drwx------" in by_an_unprivileged_user("-k", str(helper.socket))


@NEEDS_ROOT
def test_user_without_an_account_is_named_by_numbers(helper: Helper) -> None:
    os.chown(helper.socket, 0, 4711)
    helper.socket.chmod(0o660)
    assert check("-k", helper.socket, "--as", "3999999:4711").codes == []
    finding = check("-k", helper.socket, "--as", "3999999:1").one("socket-closed-to-user")
    assert "the user is 3999999 (uid 3999999" in finding["seen"]


@pytest.mark.parametrize("user", ["no-such-user", "3999999", "1:x", ":1", "99999999999999"])
def test_unknown_user_is_refused(ctl: Run, helper: Helper, user: str) -> None:
    done = ctl("check", "-k", helper.socket, "--as", user)
    assert done.status == 64
    assert "no such user" in done.err
    assert ("--as 3999999:GID" in done.err) == (user == "3999999")


def test_denials_are_found_in_the_log_that_is_named(helper: Helper, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        f'type=AVC msg=audit({time.time():.3f}:99): apparmor="DENIED" operation="connect" class="file" '
        f'profile="libvirt-1" name="{helper.socket}" pid=1 comm="qemu-system-x86" denied_mask="wr"\n'
    )
    assert check("-k", helper.socket, "--log", log).codes == ["denied-by-apparmor"]


def test_log_that_cannot_be_read_is_refused(ctl: Run, tmp_path: Path) -> None:
    done = ctl("check", "--log", tmp_path / "none")
    assert (done.status, "No such file" in done.err) == (64, True)


def test_page_names_every_cause() -> None:
    text = PAGE.read_text()
    assert [each.code for each in CAUSES if f"| `{each.code}` | {each.means} |" not in text] == []
    assert len({each.code for each in CAUSES}) == len(CAUSES)
