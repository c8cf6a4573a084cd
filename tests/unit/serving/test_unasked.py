"""What is told unasked: machines that share a nexus, and that a machine was taken over."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from prhelper.device import identity
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.logs.record import LazyMessage
from prhelper.scsi.reservation import Command, OutAction
from prhelper.serving import seen, unasked
from prhelper.serving.clients import Client, News

from ...support import two_paths
from ...support.two_paths import FIRST, MAP, SDA, SDA1, SDB, SG0, VOLUME
from .hosts import (
    DISK,
    KEY,
    NEW_KEY,
    OTHER_DISK,
    PREEMPT,
    READ_RESERVATION,
    REGISTER,
    Host,
    ended,
    keys_of,
    out,
    register,
    remember,
)

pytestmark = pytest.mark.parametrize("host", [True, False], indirect=True, ids=["control socket", "none"])


def test_a_second_machine_on_a_disk_is_told_once(host: Host) -> None:
    first, second, third = host.machine("a"), host.machine("b", 2), host.machine("c", 3)
    assert register(first).shares_with == ()
    assert [one.machine_name for one in register(second).shares_with] == [MachineName("a", False)]
    assert register(second, NEW_KEY).shares_with == ()
    assert register(third).shares_with == ()


def test_it_is_told_again_once_no_machine_is_registered_any_more(host: Host) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    for _ in range(2):
        register(first)
        assert len(register(second).shares_with) == 1
        remember(second, out(OutAction.CLEAR, KEY), DISK, ended())


def test_while_one_is_registered_the_others_are_not_told_of_again(host: Host) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first)
    assert len(register(second).shares_with) == 1
    remember(second, out(OutAction.REGISTER, KEY, 0), DISK, ended())
    assert register(second).shares_with == ()


def test_machines_on_disks_of_their_own_are_not_told_of(host: Host) -> None:
    register(host.machine("a"))
    assert register(host.machine("b", 2), device=OTHER_DISK).shares_with == ()


@pytest.fixture
def two_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit with two paths, and with every node that it has."""
    monkeypatch.setattr(identity, "_SYS_DEV", two_paths.make(tmp_path))


@pytest.mark.usefixtures("two_ways")
@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        (SDA, SG0, True),
        (SG0, SDA1, True),
        (SDA, MAP, True),
        (MAP, SDB, True),
        (VOLUME, MAP, True),
        (SDA, SDB, False),
        (SDB, SG0, False),
    ],
)
def test_machines_are_told_of_by_whatever_nodes_they_share_a_nexus(
    host: Host, first: DeviceId, second: DeviceId, are_one: bool
) -> None:
    register(host.machine("a"), device=first)
    assert len(register(host.machine("b", 2), device=second).shares_with) == are_one


@pytest.mark.usefixtures("two_ways")
@pytest.mark.parametrize("other", [SG0, SDB])
def test_a_clear_by_any_path_ends_all_registrations_of_the_unit(host: Host, other: DeviceId) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first, KEY, SDA)
    register(second, NEW_KEY, other)
    assert keys_of(host, SDA) == ([KEY, NEW_KEY] if other == SG0 else [KEY])
    remember(second, out(OutAction.CLEAR, NEW_KEY), other)
    assert keys_of(host, SDA) == keys_of(host, other) == []


@pytest.mark.usefixtures("two_ways")
def test_a_machine_that_registers_by_both_paths_has_a_registration_by_each(host: Host) -> None:
    machine = host.machine("a")
    for device, key in ((SDA, KEY), (SDB, NEW_KEY), (SG0, KEY)):
        assert register(machine, key, device).shares_with == ()
    assert [keys_of(host, device) for device in (SDA, SDB)] == [[KEY], [NEW_KEY]]


@pytest.mark.usefixtures("two_ways")
def test_registrations_on_a_disk_that_was_replaced_are_not_those_on_the_next(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "UNIT_LASTS", 0)
    register(host.machine("a"), device=SDA)
    register(host.machine("c", 3), device=SG0)
    (tmp_path / f"devices/host2/{FIRST}/wwid").write_text("naa.6001406\n")
    assert register(host.machine("b", 2), NEW_KEY, SDA).shares_with == ()
    assert (keys_of(host, SDA), keys_of(host, SG0)) == ([NEW_KEY], [])


def test_a_machine_that_was_started_anew_is_no_second_one(host: Host) -> None:
    register(host.machine("a", 1))
    assert register(host.machine("a", 2)).shares_with == ()


@pytest.mark.parametrize("names", [(None, None), (None, "a"), ("a", None)])
def test_two_connections_of_one_process_are_one_machine_whenever_its_name_is_known(
    host: Host, names: tuple[str | None, str | None]
) -> None:
    one, other = (host.machine(name, 1) for name in names)
    register(one)
    assert register(other, NEW_KEY).shares_with == ()
    assert keys_of(host) == [NEW_KEY]


def test_a_process_whose_name_came_late_is_no_second_one(host: Host) -> None:
    client = host.machine(None)
    register(client)
    client.machine_name = MachineName("a", True)
    assert register(client, NEW_KEY).shares_with == ()
    assert keys_of(host) == [NEW_KEY]


def test_two_processes_without_names_are_two_machines(host: Host) -> None:
    register(host.machine(None, 1))
    assert len(register(host.machine(None, 2)).shares_with) == 1


def test_a_machine_that_has_gone_is_not_told_of(host: Host) -> None:
    register(host.machine("a", 1))
    host.connected.clear()
    assert register(host.machine("b", 2)).shares_with == ()


def test_emulated_machines_have_a_nexus_each(host: Host) -> None:
    register(host.machine("a"), result=ended(emulated=True))
    assert register(host.machine("b", 2), result=ended(emulated=True)).shares_with == ()


@pytest.fixture(name="said")
def _said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert isinstance(record.msg, LazyMessage)
            assert record.msg.size() == 0
            said.append(f"{record.levelname} {record.msg}")

    logger = logging.Logger("unasked", logging.INFO)
    logger.addHandler(Listening())
    monkeypatch.setattr(unasked, "_log", logger)
    return said


def tell(client: Client, command: Command) -> None:
    record = client.end(command, DISK, ended())
    unasked.tell(record, client.remember(record) or News([], None))


def test_the_log_says_that_two_machines_cannot_fence_each_other(host: Host, said: list[str]) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    for client in (first, second):
        tell(client, REGISTER)
    (line,) = said
    assert line.startswith(f"WARNING {second}: device 8:16")
    assert f"so is {first}: to the disk both are this host" in line


def test_the_log_says_how_many_more_there_are(host: Host, said: list[str]) -> None:
    machines = [host.machine(name, pid) for pid, name in enumerate("abc", start=1)]
    for client in machines[:2]:
        client.remember(client.end(REGISTER, DISK, ended()))
    dict(host.seen.all())[DISK].on_unit.warned = False
    tell(machines[2], REGISTER)
    (line,) = said
    assert f"so is {machines[0]} and 1 more: to the disk" in line


def test_the_log_names_a_take_over(host: Host, said: list[str]) -> None:
    client = host.machine("a")
    for command in (READ_RESERVATION, REGISTER, PREEMPT):
        tell(client, command)
    (line,) = said
    assert line.startswith(f"INFO {client}: device 8:16")
    assert "taken over with key 0xa1" in line
