"""Notifications to the service manager: READY=1, STATUS=, STOPPING=1, and WATCHDOG=1 if it has a watchdog."""

import contextlib
import errno
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, FakeDevice
from ...support.helper import Helper, wait_until
from ...support.hold import Hold
from ...support.spc import reserve_in
from .service import ServiceManager

INTERVAL = 0.4
WATCHDOG = {"WATCHDOG_USEC": str(int(INTERVAL * 1_000_000))}


def start(directory: Path, manager: ServiceManager, env: dict[str, str] | None = None) -> Helper:
    return Helper(directory, env={"NOTIFY_SOCKET": manager.address, **(env or {})})


def fill(address: str) -> None:
    """Leave a manager that does not read no room for another message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuffer:
        stuffer.setblocking(False)
        stuffer.connect(address)
        with contextlib.suppress(BlockingIOError):
            while True:
                stuffer.send(b"x")


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_ready_comes_when_clients_are_served_and_stopping_before_the_end(tmp_path: Path, abstract: bool) -> None:
    (tmp_path / "manager").mkdir()
    manager = ServiceManager(tmp_path / "manager", abstract)
    with start(tmp_path, manager) as helper:
        assert "STOPPING=1" not in manager.wait_for("READY=1")
        with Client(helper.socket):
            pass
        helper.process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert helper.process.wait(20) == 0
        assert "READY=1" not in manager.waiting()
    manager.close()


def test_the_status_follows_the_clients_and_counts_the_commands(tmp_path: Path, manager: ServiceManager) -> None:
    with start(tmp_path, manager) as helper:
        manager.wait_for("STATUS=0 clients, 0 commands done")
        null = os.open("/dev/null", os.O_RDWR)
        with Client(helper.socket) as client:
            client.command(null, reserve_in(0))
            client.command(null, reserve_in(0))
            manager.wait_for("STATUS=1 client,")
            with Client(helper.socket):
                manager.wait_for("STATUS=2 clients, 2 commands done")
        manager.wait_for("STATUS=0 clients, 2 commands done")
        os.close(null)


def test_the_watchdog_is_notified_twice_an_interval(tmp_path: Path, manager: ServiceManager) -> None:
    count = 10
    with start(tmp_path, manager, WATCHDOG):
        manager.wait_for("WATCHDOG=1")
        began = time.monotonic()
        manager.waiting()  # what comes from here on was sent since
        for _ in range(count):
            manager.wait_for("WATCHDOG=1")
        seconds = time.monotonic() - began
    assert 0.95 * (count - 1) * INTERVAL / 2 <= seconds < count * INTERVAL


def test_a_device_that_hangs_is_no_reason_to_be_killed(
    fake_device_library: Path, tmp_path: Path, manager: ServiceManager
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    device.hold()
    hanging = os.open(HANGING, os.O_RDWR)
    try:
        with start(tmp_path, manager, {**WATCHDOG, **device.env}) as helper, Client(helper.socket) as client:
            client.send(reserve_in(0), [hanging])
            wait_until(lambda: device.hanging == 1, what="the command to hang")
            manager.waiting()
            for _ in range(4):
                manager.wait_for("WATCHDOG=1")
            assert device.hanging == 1
            device.release()
            assert client.reply().status == 0
    finally:
        os.close(hanging)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "9" * 401},
        {**WATCHDOG, "WATCHDOG_PID": "1"},
    ],
    ids=["not asked", "zero", "no number", "401 digits", "for another process"],
)
def test_without_a_watchdog_none_is_notified(tmp_path: Path, manager: ServiceManager, env: dict[str, str]) -> None:
    with start(tmp_path, manager, env) as helper:
        messages = manager.wait_for("STATUS=")  # the watchdog would be told first
        with Client(helper.socket):
            messages += manager.wait_for("STATUS=1 client")
        helper.process.send_signal(signal.SIGTERM)
        messages += manager.wait_for("STOPPING=1")
    assert not any("WATCHDOG" in message for message in messages)


def test_a_service_manager_that_does_not_read_blocks_no_client(fake_device_library: Path, tmp_path: Path) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        fill(str(tmp_path / "notify"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), **WATCHDOG, **device.env}
        null = os.open(HEALTHY, os.O_RDWR)
        with Helper(tmp_path, env=env) as helper:
            for _ in range(3):
                with Client(helper.socket) as client:
                    assert client.command(null, reserve_in(0)).status == 0
            assert helper.stop() == 0
        os.close(null)


def test_a_service_manager_without_room_is_notified_once_it_has(tmp_path: Path, manager: ServiceManager) -> None:
    fill(manager.address)
    with start(tmp_path, manager) as helper, Client(helper.socket) as half_a_request:
        # Clients are served, so there was an attempt already.
        manager.wait_for("READY=1")
        half_a_request.send(reserve_in(0)[:7])
        with Client(helper.socket):
            pass  # it came later, so the half request has been read
        fill(manager.address)
        helper.process.terminate()
        helper.wait_for_log("SIGTERM: stopping")
        wait_until(lambda: not helper.socket.exists(), what="the socket file to be removed")
        manager.wait_for("STOPPING=1")


@pytest.mark.parametrize("address", ["{}/nobody", "@prhelper-test-nobody", "nonsense"])
def test_a_service_manager_that_does_not_listen_is_no_reason_to_fail(
    fake_device_library: Path, tmp_path: Path, address: str
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    env = {"NOTIFY_SOCKET": address.replace("{}", str(tmp_path)), **WATCHDOG, **device.env}
    null = os.open(HEALTHY, os.O_RDWR)
    with Helper(tmp_path, env=env) as helper:
        with Client(helper.socket) as client:
            assert client.command(null, reserve_in(0)).status == 0
        assert helper.stop() == 0
        assert "Traceback" not in helper.output()
    os.close(null)


def test_a_status_that_cannot_be_watched_for_does_not_end_the_helper(
    tmp_path: Path, manager: ServiceManager, hold_library: Path
) -> None:
    hold = Hold(hold_library, tmp_path)
    with Helper(tmp_path, env={"NOTIFY_SOCKET": manager.address, **hold.env}) as helper:
        with Client(helper.socket):
            manager.wait_for("STATUS=1 client,")
        manager.wait_for("STATUS=0 clients")  # what is watched next is whether that changes
        hold.fail("epoll_ctl_add", errno.ENOSPC)
        hold.wait("epoll_ctl_add")
        with Client(helper.socket):
            manager.wait_for("STATUS=1 client,")
        assert helper.stop() == 0


def test_a_status_that_the_manager_had_no_room_for_is_told_again(
    tmp_path: Path, manager: ServiceManager, hold_library: Path
) -> None:
    hold = Hold(hold_library, tmp_path)
    with start(tmp_path, manager, hold.env) as helper:
        if not any(message.startswith("STATUS=0 clients") for message in manager.wait_for("READY=1")):
            manager.wait_for("STATUS=0 clients")
        hold.fail("sendto", errno.EAGAIN)
        with Client(helper.socket):
            hold.wait("sendto")
            manager.wait_for("STATUS=1 client")
