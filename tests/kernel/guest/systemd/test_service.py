"""The shipped units under the real systemd: activation, readiness, the sandbox, the watchdog, stopping."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from tests.support.nexus import Holder
from tests.support.spc import APTPL, GOOD, Out
from tests.support.varlink import Varlink

from .conftest import ONLY_SYS_RAWIO, nexus
from .units import SERVICE, main_pid, show, systemctl, with_options


class TestOneStart:
    """The first test starts the service, and the last one stops it."""

    def test_first_connection_starts_the_service_and_it_says_that_it_is_ready(self, device: Path, socket: Path) -> None:
        assert show(SERVICE, "ActiveState") == "inactive"
        with nexus(device, socket) as client:
            client.keys()
            assert show(SERVICE, "ActiveState") == "active"
            assert show(SERVICE, "Type") == "notify"
            assert show(SERVICE, "StatusText") != ""

    def test_reservations_work_inside_the_sandbox(self, device: Path, socket: Path) -> None:
        with nexus(device, socket) as client:
            assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD
            assert client.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
            assert client.keys() == [0xA]
            assert client.write(Out.CLEAR, key=0xA).status == GOOD

    def test_process_has_one_capability_no_new_privileges_and_a_system_call_filter(
        self, device: Path, socket: Path
    ) -> None:
        with nexus(device, socket) as client:
            client.keys()
            text = Path(f"/proc/{main_pid(SERVICE)}/status").read_text()
        status = dict(line.split(":\t", 1) for line in text.splitlines())
        assert "0" not in status["Uid"].split()
        assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} <= {ONLY_SYS_RAWIO, f"{0:016x}"}
        assert status["CapEff"] == ONLY_SYS_RAWIO
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")

    def test_idle_service_keeps_the_watchdog_content(self, device: Path, socket: Path) -> None:
        with nexus(device, socket) as client:
            client.keys()
            pid = main_pid(SERVICE)
            ping = show(SERVICE, "WatchdogTimestampMonotonic")
            while show(SERVICE, "WatchdogTimestampMonotonic") == ping:
                pass
            client.keys()
            assert main_pid(SERVICE) == pid

    def test_service_tells_root_and_its_own_user_what_it_does(self, device: Path, socket: Path) -> None:
        with nexus(device, socket) as client:
            client.keys()
            control = Path("/run/prhelper/control")
            with Varlink(control) as peer:
                assert peer.call("GetStatus")["pid"] == main_pid(SERVICE)
                (seen,) = peer.call("GetDevices")["devices"]
            assert (seen["device"]["name"], *seen["outcomes"]) == (device.name, "GOOD")
            assert seen["device"]["wwid"].startswith("3")
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (control.parent, control)]
            assert modes == [0o700, 0o600]
        systemctl("stop", SERVICE)
        assert not control.exists()


def test_service_that_answers_no_more_is_killed_and_the_next_connection_is_served(device: Path, socket: Path) -> None:
    with nexus(device, socket) as client:
        client.keys()
    stopped = main_pid(SERVICE)
    os.kill(stopped, signal.SIGSTOP)
    with nexus(device, socket) as client:  # waits in the socket's queue until somebody accepts
        assert client.keys() == []
    assert main_pid(SERVICE) != stopped
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


def test_stop_ends_it_with_success_and_the_next_connection_starts_it_again(device: Path, socket: Path) -> None:
    with nexus(device, socket) as client:
        client.keys()
        systemctl("stop", SERVICE)
        assert show(SERVICE, "Result") == "success"
        assert (show(SERVICE, "ExecMainCode"), show(SERVICE, "ExecMainStatus")) == ("1", "0")
    with nexus(device, socket) as client:
        assert client.keys() == []


def test_emulated_registrations_outlive_the_service_in_its_state_directory(socket: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    with with_options("--emulate"):
        with nexus(disk, socket) as client:
            assert client.write(Out.REGISTER, new=0xA, flags=APTPL).status == GOOD
            assert client.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        os.kill(main_pid(SERVICE), signal.SIGKILL)
        with nexus(disk, socket) as client:
            assert (client.keys(), client.reservation()) == ([0xA], Holder(0xA, 5))
            assert client.write(Out.CLEAR, key=0xA).status == GOOD  # this process is still the same initiator
    database = Path("/var/lib/prhelper/emulated.sqlite")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (database.parent, database)]
    assert modes == [0o700, 0o600]
