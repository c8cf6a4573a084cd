"""What may go wrong below the control socket, and holds up no answer: sysfs, memory, descriptors."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from prhelper.channel import ShortageError, SocketChannel, SocketListener
from prhelper.control import names, server
from prhelper.control.names import Names
from prhelper.device.identity import DeviceId
from prhelper.scheduler.iothread import IOThreads

from ...support.client import Client
from ...support.helper import wait_until
from ...support.varlink import Varlink
from .running import Controlled, check_served, remember


@pytest.fixture
def client(controlled: Controlled) -> Iterator[Client]:
    """Somebody whose commands are remembered."""
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        yield client


def names_of_all(peer: Varlink) -> set[str | None]:
    return {one["device"]["name"] for one in peer.call("GetDevices")["devices"]}


@pytest.mark.usefixtures("client")
def test_devices_are_told_without_names_while_sysfs_does_not_answer(
    controlled: Controlled, peer: Varlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    asked: list[DeviceId] = []

    def read(device: DeviceId) -> Names:
        asked.append(device)
        assert go_on.wait(20)
        return Names("late", None)

    remember(controlled)
    monkeypatch.setattr(names, "_read", read)
    try:
        for _ in range(3):
            assert names_of_all(peer) == {None}
        assert len(asked) == 1
    finally:
        go_on.set()
    wait_until(lambda: names_of_all(peer) == {"late"})


@pytest.mark.usefixtures("client")
def test_devices_are_told_without_names_where_no_thread_can_be_had(
    controlled: Controlled, peer: Varlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(controlled)
    monkeypatch.setattr(IOThreads, "_start_burst", lambda *_: False)
    assert names_of_all(peer) == {None}


@pytest.mark.usefixtures("client")
def test_a_device_that_sysfs_loses_meanwhile_has_no_name(
    controlled: Controlled, peer: Varlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(_: DeviceId) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone")

    remember(controlled)
    monkeypatch.setattr(DeviceId, "folder", vanish)
    assert names_of_all(peer) == {None}


@pytest.mark.usefixtures("client")
def test_what_is_no_device_is_told_as_that_and_what_is_unknown_as_nothing(
    controlled: Controlled, peer: Varlink
) -> None:
    peer.send("WatchReservations", more=True)
    assert peer.reply()["ready"]
    for device in (DeviceId(0o100000, 0), None):
        remember(controlled, device=device)
    assert [peer.reply()["event"]["device"] for _ in range(2)] == [{"kind": "regular file"}, None]


def test_a_reply_is_sent_once_the_kernel_has_memory_for_it(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortages = iter([ShortageError, ShortageError])
    writev = SocketChannel.writev

    def short(channel: SocketChannel, *arguments: Any) -> int | None:
        if (shortage := next(shortages, None)) is not None:
            raise shortage
        return writev(channel, *arguments)

    monkeypatch.setattr(SocketChannel, "writev", short)
    check_served(controlled)


def test_a_wake_without_a_call_is_followed_by_another_wait(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = iter([None])
    peek = SocketChannel.peek
    monkeypatch.setattr(SocketChannel, "peek", lambda channel, size: next(nothing, peek(channel, size)))
    check_served(controlled)


def test_accepting_goes_on_once_there_are_descriptors_again(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_FAULT_PAUSE", 0.01)
    accept = SocketListener.accept
    faults = iter([OSError(errno.EMFILE, "Too many open files")] * 2)

    async def fail(listener: SocketListener) -> SocketChannel:
        if listener is controlled.control.listener and (fault := next(faults, None)) is not None:
            raise fault
        return await accept(listener)

    check_served(controlled)
    monkeypatch.setattr(SocketListener, "accept", fail)
    for _ in range(3):
        check_served(controlled)
    assert next(faults, None) is None
