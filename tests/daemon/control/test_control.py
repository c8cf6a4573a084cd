"""The control socket of a helper process: where it is, whose it is, and that nothing holds it up."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, FakeDevice
from ...support.helper import Helper, is_listening, run_to_end, wait_until
from ...support.nexus import Nexus, over
from ...support.programs import missing
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from ...support.varlink import HungUpError, Varlink

STUCK = 512
CLIENTS = 1024
RESERVATIONS = 6000


def connects(user: int, path: Path) -> bool:
    """Whether a process of that user can connect."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    try:
        os.setuid(user)
        socket.socket(socket.AF_UNIX).connect(str(path))
        os._exit(0)
    finally:
        os._exit(1)


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path / "control"


def asked(control: Path) -> Varlink:
    """A connection. The helper listens for its clients first."""
    wait_until(lambda: is_listening(control), what=f"{control} to be listened on")
    return Varlink(control)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_it_is_where_the_option_says_and_for_its_user_alone(tmp_path: Path, control: Path) -> None:
    with Helper(tmp_path, options=[f"--control={control}"]) as helper:
        with asked(control) as peer:
            assert peer.call("GetStatus")["pid"] == helper.pid
        assert mode(control) == 0o600
        assert helper.stop() == 0
    assert not control.exists()


def test_it_is_in_the_runtime_directory_of_a_service(tmp_path: Path, control: Path) -> None:
    with Helper(tmp_path, env={"RUNTIME_DIRECTORY": f"{tmp_path}:/elsewhere"}) as helper, asked(control) as peer:
        assert peer.call("GetStatus")["pid"] == helper.pid


@pytest.mark.parametrize("env", [{}, {"RUNTIME_DIRECTORY": "/run/x", "SYSTEMD_EXEC_PID": "1"}])
def test_there_is_none_where_none_is_asked_for(tmp_path: Path, env: dict[str, str]) -> None:
    with Helper(tmp_path, env=env) as helper, Client(helper.socket):
        sockets = {path.name for path in tmp_path.iterdir() if path.is_socket()}
        assert sockets == {helper.socket.name}


def test_in_the_background_it_is_answered_by_the_daemon(tmp_path: Path, control: Path) -> None:
    pidfile = tmp_path / "pid"
    options: list[str | Path] = ["-d", "-k", tmp_path / "helper.sock", "-f", pidfile, f"--control={control}"]
    assert run_to_end(*options).returncode == 0
    try:
        with asked(control) as peer:
            assert peer.call("GetStatus")["pid"] == int(pidfile.read_text())
    finally:
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        wait_until(lambda: not pidfile.exists())


def test_a_path_that_is_in_use_is_refused_and_nothing_is_left(tmp_path: Path, control: Path) -> None:
    with Helper(tmp_path, options=[f"--control={control}"]), asked(control) as peer:
        other = tmp_path / "other.sock"
        done = run_to_end("-k", other, f"--control={control}")
        assert (done.returncode, other.exists()) == (1, False)
        assert f"--control {control}: another process listens there" in done.stderr
        assert peer.call("GetStatus")


def test_the_user_that_it_runs_as_may_ask_and_root_too(tmp_path: Path) -> None:
    if os.geteuid():
        missing("needs root, to become another user")
    nobody = pwd.getpwnam("nobody")
    folder = Path("/tmp") / f"prhelper-control-{os.getpid()}"
    folder.mkdir(mode=0o711)
    control = folder / "control"
    try:
        with Helper(tmp_path, options=["-u", "nobody", f"--control={control}"]):
            with asked(control) as peer:
                assert peer.call("GetStatus")["uid"] == nobody.pw_uid
            assert (mode(control), control.lstat().st_uid) == (0o600, nobody.pw_uid)
            assert connects(nobody.pw_uid, control)
            assert not connects(pwd.getpwnam("daemon").pw_uid, control)
    finally:
        control.unlink(missing_ok=True)
        folder.rmdir()


def test_a_stop_does_not_wait_for_those_who_ask(tmp_path: Path, control: Path) -> None:
    with (
        Helper(tmp_path, options=[f"--control={control}"]) as helper,
        asked(control) as idle,
        asked(control) as peer,
    ):
        peer.send("WatchReservations", more=True)
        assert peer.reply()["ready"]
        assert helper.stop() == 0
        for one in (idle, peer):
            with pytest.raises((HungUpError, BrokenPipeError)):
                one.call("GetStatus")


def test_while_a_stop_waits_for_a_command_it_is_told_which(
    tmp_path: Path, control: Path, fake_device_library: Path
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    with Helper(tmp_path, options=[f"--control={control}"], env=device.env) as helper, Client(helper.socket) as client:
        device.hold()
        with Path(HANGING).open("rb+") as hanging:
            client.send(reserve_in(0), [hanging.fileno()])
            wait_until(lambda: device.hanging == 1)
            helper.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not helper.socket.exists())
            with asked(control) as peer:
                (told,) = peer.call("GetClients")["clients"]
        assert told["in_flight"]["device"]["name"] == "zero"
        device.release()
        assert helper.process.wait(20) == 0


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """A pipe that nobody reads, and that has no room."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, bytes(4096)):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.mark.timeout(180)
def test_status_is_told_while_all_else_is_stuck(
    tmp_path: Path, control: Path, fake_device_library: Path, full_pipe: int
) -> None:
    """512 commands that hang, 1024 clients, a log that takes nothing, and a watcher that reads nothing."""
    device = FakeDevice(fake_device_library, tmp_path)
    options = [f"--control={control}", "-v", "--max-clients=4096", "--max-clients-per-process=2048", "--stop-timeout=1"]
    with Helper(tmp_path, options=options, env=device.env, stderr=full_pipe) as helper, ExitStack() as opened:
        clients = [opened.enter_context(Client(helper.socket)) for _ in range(CLIENTS)]
        hanging, healthy = (opened.enter_context(Path(path).open("rb+")).fileno() for path in (HANGING, HEALTHY))
        watcher = opened.enter_context(asked(control))
        watcher.send("WatchReservations", more=True)
        assert watcher.reply()["ready"]
        device.hold()
        for client in clients[:STUCK]:
            client.send(reserve_in(0), [hanging])
        wait_until(lambda: device.hanging == STUCK, 60, f"{STUCK} commands to hang")
        for number in range(RESERVATIONS):
            clients[-1].send(reserve_out(0), [healthy])
            clients[-1].send(keys(number, number + 1))
            assert clients[-1].reply().status == GOOD
        peer = opened.enter_context(asked(control))
        status = peer.call("GetStatus")
        assert (status["clients"], status["in_flight"], status["commands"]) == (CLIENTS, STUCK, RESERVATIONS)
        assert status["longest_in_flight_usec"] > 0
        assert status["log"]["waiting"] > 0
        told = peer.call("GetClients")["clients"]
        names = [one["in_flight"]["device"]["name"] for one in told if "in_flight" in one]
        assert (len(told), names) == (CLIENTS, ["zero"] * STUCK)
        (disk,) = peer.call("GetDevices")["devices"]
        assert (disk["device"]["name"], disk["outcomes"]) == ("null", {"GOOD": RESERVATIONS})
        device.release()
        assert [client.reply().status for client in clients[:STUCK]] == [GOOD] * STUCK


def test_a_flood_on_the_control_socket_leaves_most_of_the_processor(tmp_path: Path, control: Path) -> None:
    """Asked without end by several, the helper spends a bounded part of its time on it."""
    with Helper(tmp_path, options=[f"--control={control}", "-q"]) as helper:
        peers = [asked(control) for _ in range(4)]
        began, before = time.monotonic(), helper.cpu_seconds()
        answered = 0
        while time.monotonic() < began + 2.0:
            for peer in peers:
                peer.send("GetStatus")
            for peer in peers:
                assert peer.reply()
                answered += 1
        used = helper.cpu_seconds() - before
        for peer in peers:
            peer.close()
        assert answered > 0
        assert used < (time.monotonic() - began) / 2


def test_reservations_of_a_client_reach_who_watches(tmp_path: Path, control: Path, fake_device_library: Path) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    with (
        Helper(tmp_path, options=[f"--control={control}"], env=device.env) as helper,
        Client(helper.socket) as client,
        Path("/dev/null").open("rb+") as disk,
        asked(control) as peer,
    ):
        peer.send("WatchReservations", more=True)
        assert peer.reply()["ready"]
        Nexus(over(client, disk.fileno())).register(0xA1)
        event = peer.reply()["event"]
        assert (event["device"]["name"], event["status"]) == ("null", "GOOD")
        assert event["process"]["pid"] == os.getpid()
        assert event["command"]["service_action_key"] == "0xa1"


def test_the_multipath_worker_has_one_too(tmp_path: Path, control: Path) -> None:
    if os.geteuid():
        missing("needs root: the worker runs as root alone")
    options = ["--multipath-worker", f"--state-directory={tmp_path / 'state'}", f"--control={control}"]
    with Helper(tmp_path, options=options), asked(control) as peer:
        status = peer.call("GetStatus")
        assert (status["role"], status["multipath"]["handled"]) == ("worker", "here")
