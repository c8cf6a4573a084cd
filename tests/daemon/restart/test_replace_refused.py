"""Who may not take the place of a helper is told why, and a start that fails leaves everything as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import FakeDevice
from ...support.helper import OURS, Helper, wait_until
from ...support.patience import PATIENCE
from ...support.programs import require_program, require_user_namespace
from ...support.spc import reserve_in
from ...support.varlink import Varlink
from ..libvirt.managed import Machine
from .conftest import Replaced

OTHER = 65533
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user, or in another namespace")


def refused(path: Path, *options: str, before: Sequence[str] = ()) -> str:
    """What a start that is refused says."""
    command = [*before, *OURS, "--replace", "-k", str(path), *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A directory that every user may enter, as pytest's is not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


WITHOUT_A_MODULE = """\
import sys
sys.modules["prhelper.scsi.sg_io"] = None
from prhelper.cli import main
sys.exit(main())
"""
WITHOUT_MEMORY = """\
import resource, sys
from prhelper import daemon, start
begun = start.start
def start_and_run_out(*arguments):
    started = begun(*arguments)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
    return started
daemon.start = start_and_run_out
from prhelper.cli import main
sys.exit(main())
"""


FAILING: tuple[tuple[Sequence[str], Sequence[str], str], ...] = (
    ((), ("--timeout", "never"), "is not a number of seconds"),
    ((), ("-u", "nobody-of-this-name"), "nobody-of-this-name"),
    ((), ("-f", "/proc/helper.pid"), "--pidfile /proc/helper.pid"),
    ((), ("--control", "/nowhere/control"), "--control /nowhere/control"),
    ((), ("--emulate", "--state-directory", "/proc/nowhere"), "--state-directory /proc/nowhere"),
    (("-c", WITHOUT_A_MODULE), (), "sg_io"),
    (("-c", WITHOUT_MEMORY), (), "cannot start"),
)


def test_starts_that_fail_leave_the_old_one_as_it_was(replaced: Replaced) -> None:
    replaced.starts.start()
    client = replaced.connect()
    replaced.check_served(client)
    before = replaced.starts.descriptors(0)
    for program, options, reason in FAILING:
        command = (sys.executable, "-I", *program) if program else OURS
        replaced.starts.launch(*options, command=command)
        assert replaced.starts.has_ended(-1) == 1
        assert reason in replaced.starts.output()
        replaced.check_served(client)
        with Client(replaced.path) as other:
            replaced.check_served(other)
        assert int(replaced.starts.pidfile.read_text()) == replaced.starts.processes[0].pid
    wait_until(lambda: replaced.starts.descriptors(0) == before, what=f"no more descriptors than {before}")
    replaced.starts.start()
    replaced.check_served(client)
    assert replaced.starts.has_ended(0) == 0


ITS_OWN = 'import os; os.environ["SYSTEMD_EXEC_PID"] = str(os.getpid())'


@pytest.mark.parametrize("begin", ['import os; os.environ["NOTIFY_SOCKET"] = "/run/no-such-socket"', ITS_OWN])
def test_one_that_a_service_manager_has_started_is_restarted_by_it(tmp_path: Path, begin: str) -> None:
    command = (sys.executable, "-I", "-c", f"{begin}\nimport sys\nfrom prhelper.cli import main\nsys.exit(main())")
    with Helper(tmp_path, command) as helper:
        assert "a service manager has started it: systemctl restart" in refused(helper.socket)
        helper.rest()


def test_one_that_libvirt_has_started_ends_with_its_machine(fake_device_library: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, FakeDevice(fake_device_library, tmp_path), {})
    try:
        helper = machine.start_helper()
        assert "libvirt has started it for one virtual machine" in refused(helper.socket)
        assert helper.is_taken_for_alive()
        assert not helper.has_ended()
    finally:
        machine.close()


@pytest.fixture
def container(tmp_path: Path) -> Iterator[int]:
    """The PID of a helper that is the first process of its PID namespace."""
    unshare = require_program("unshare", "util-linux")
    within = [unshare, "--pid", "--fork", "--mount-proc", "--kill-child"]
    with Helper(tmp_path, [*within, *OURS]) as helper:
        children = Path(f"/proc/{helper.pid}/task/{helper.pid}/children")
        yield int(children.read_text().split()[0])


@NEEDS_ROOT
def test_the_first_process_of_a_container_is_restarted_with_it(container: int, tmp_path: Path) -> None:
    nsenter = require_program("nsenter", "util-linux")
    within = [nsenter, "--target", str(container), "--pid", "--mount", "--root"]
    assert "the first process of a container" in refused(tmp_path / "helper.sock", before=within)
    assert "cannot see your process in /proc" in refused(tmp_path / "helper.sock")


LESSER = (
    (("setpriv", f"--reuid={OTHER}", "--clear-groups"), f"only root may do that, and this is uid {OTHER}"),
    (("setpriv", "--bounding-set=-sys_rawio"), "it has capabilities that your process lacks"),
)


@NEEDS_ROOT
def test_who_has_less_right_is_told_so(everybodys: Path) -> None:
    with Helper(everybodys, options=("--socket-mode", "666")) as helper:
        for (program, *arguments), reason in LESSER:
            assert reason in refused(helper.socket, before=(require_program(program, "util-linux"), *arguments))
        helper.rest()


@NEEDS_ROOT
def test_who_is_in_another_user_namespace_is_told_so(everybodys: Path) -> None:
    within = require_user_namespace()
    with Helper(everybodys, options=("--socket-mode", "666")) as helper:
        assert "in another user namespace" in refused(helper.socket, before=within)
        helper.rest()


@NEEDS_ROOT
def test_root_does_not_serve_on_the_socket_of_another_user(everybodys: Path) -> None:
    setpriv = require_program("setpriv", "util-linux")
    os.chown(everybodys, OTHER, OTHER)
    with Helper(everybodys, [setpriv, f"--reuid={OTHER}", "--clear-groups", *OURS]) as helper:
        assert f"its socket is of uid {OTHER}: start the new one as that user" in refused(helper.socket)
        helper.rest()


@pytest.mark.parametrize("greeting", [bytes(4), b""], ids=["another helper", "it hangs up"])
def test_what_is_no_prhelper_is_to_be_stopped(tmp_path: Path, greeting: bytes) -> None:
    path = tmp_path / "helper.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def greet() -> None:
            with listening.accept()[0] as client:
                client.sendall(greeting)

        greeter = threading.Thread(target=greet)
        greeter.start()
        try:
            assert "does not know of --replace, or has ended; stop it" in refused(path)
        finally:
            greeter.join()
    assert path.exists()


@NEEDS_ROOT
def test_one_that_has_given_up_root_is_replaced_by_root_and_by_no_other_process_of_its_user(everybodys: Path) -> None:
    setpriv = require_program("setpriv", "util-linux")
    options = ("-u", "nobody", "--socket-mode", "666")
    with Helper(everybodys, options=options) as old, Client(old.socket) as client:
        lesser = (setpriv, "--reuid=nobody", "--clear-groups")
        assert "it has capabilities that your process lacks" in refused(old.socket, before=lesser)
        with Helper(everybodys, options=("--replace", *options)) as new:
            assert old.process.wait(20) == 0
            new.wait_for_log("with 1 connections")
            with Path("/dev/null").open("rb") as null:
                assert client.command(null.fileno(), reserve_in(0)).status


@NEEDS_ROOT
@pytest.mark.parametrize("users", [("root", "nobody"), ("nobody", "root")], ids=" to ".join)
def test_the_control_socket_is_of_the_user_that_the_new_one_is(everybodys: Path, users: Sequence[str]) -> None:
    control = everybodys / "control"
    before, after = [("-u", user, "--control", str(control)) for user in users]
    with Helper(everybodys, options=before) as old, Helper(everybodys, options=("--replace", *after)) as new:
        assert old.process.wait(PATIENCE) == 0
        assert control.owner() == users[1]
        with Varlink(control) as asked:
            assert asked.call("GetStatus")["pid"] == new.pid


@pytest.mark.parametrize("emulated", ["all", "missing"])
def test_one_that_emulates_is_not_replaced_by_one_that_does_not(tmp_path: Path, emulated: str) -> None:
    state = ("--state-directory", str(tmp_path / "state"))
    with Helper(tmp_path, options=(f"--emulate={emulated}", *state)) as helper:
        assert "it emulates reservations, which would be lost" in refused(helper.socket)
        helper.rest()


@NEEDS_ROOT
def test_a_worker_does_not_take_the_place_of_a_helper(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper:
        assert "it is a helper, and this would be a worker" in refused(helper.socket, "--multipath-worker")


PASSING = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_socket_activation_and_replacing_exclude_each_other(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        done = subprocess.run(
            [sys.executable, "-I", "-c", PASSING, str(listening.fileno()), *OURS, "--replace"],
            pass_fds=[listening.fileno()],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert "--replace cannot be used with socket activation" in done.stderr
