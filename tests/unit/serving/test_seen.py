"""What is remembered of devices and machines, and what is told unasked."""

from __future__ import annotations

import logging
import os
import stat

import pytest

from prhelper.device.execution import Note, Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.logs.record import LazyMessage
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction
from prhelper.serving import seen as module
from prhelper.serving import unasked
from prhelper.serving.clients import Client, News
from prhelper.serving.seen import NOT_SENT, Seen
from prhelper.serving.watching import MAX_WAITING

from ...support.spc import keys, reserve_in, reserve_out

DISK = DeviceId(stat.S_IFBLK, os.makedev(8, 16))
OTHER_DISK = DeviceId(stat.S_IFBLK, os.makedev(8, 32))
FILE = DeviceId(stat.S_IFREG, 0)
GOOD, CONFLICT = 0x00, 0x18
KEY, NEW_KEY = 0xA1, 0xA2


class Host:
    """Clients without connections, and what their commands have shown."""

    def __init__(self) -> None:
        self.connected: list[Client] = []
        self.seen = Seen(lambda peer, _: any(one.peer == peer for one in self.connected))

    def machine(self, name: str | None, pid: int = 1) -> Client:
        client = Client(pid, Peer(pid, 107, "qemu", "user 107", pid), None, self.seen)  # type: ignore[arg-type]
        client.machine_name = name and MachineName(name, False)  # type: ignore[assignment]
        self.connected.append(client)
        return client


@pytest.fixture
def host() -> Host:
    return Host()


def ended(status: int = GOOD, seconds: float = 0.1, **more: object) -> Result:
    return Result(Outcome(status), seconds, **more)  # type: ignore[arg-type]


def out(action: int, key: int = 0, service_action_key: int = 0) -> Command:
    return Command(reserve_out(action), keys(key, service_action_key))


def remember(client: Client, command: Command, device: DeviceId | None = DISK, result: Result | None = None) -> News:
    return client.remember(command, device, result or ended()) or News([], None)


def register(client: Client, key: int = KEY, device: DeviceId = DISK, result: Result | None = None) -> News:
    return remember(client, out(OutAction.REGISTER, 0, key), device, result)


def keys_of(host: Host, device: DeviceId = DISK) -> list[int]:
    return [registration.key for registration in dict(host.seen.all())[device].registrations]


def test_commands_are_counted_by_how_they_ended(host: Host) -> None:
    client = host.machine("a")
    for result in (ended(), ended(), ended(CONFLICT), ended(0x02, trouble="no room")):
        client.remember(Command(reserve_in(0)), DISK, result)
    (device, seen), *others = host.seen.all()
    assert (device, others) == (DISK, [])
    assert seen.outcomes == {GOOD: 2, CONFLICT: 1, NOT_SENT: 1}


def test_the_slowest_command_and_the_last_reservation_are_kept_without_their_data(host: Host) -> None:
    client = host.machine("a")
    read = Command(reserve_in(0))
    client.remember(read, DISK, Result(Outcome(GOOD, data=b"keys"), 3.0))
    register(client)
    client.remember(out(OutAction.RESERVE, KEY), DISK, ended(CONFLICT))
    client.remember(read, DISK, ended(seconds=1.0))
    ((_, seen),) = host.seen.all()
    assert seen.slowest is not None
    assert (seen.slowest.command, seen.slowest.result) == (read, ended(seconds=3.0))
    assert seen.last is not None
    assert seen.last.command.action_name == "REGISTER"


def test_a_map_is_known_once_a_command_went_there(host: Host) -> None:
    host.machine("a").remember(Command(reserve_in(0)), DISK, ended(note=Note("mpatha", "3600")))
    ((_, seen),) = host.seen.all()
    assert (seen.map_name, seen.wwid) == ("mpatha", "3600")


@pytest.mark.parametrize("device", [FILE, None])
def test_what_is_no_device_is_not_remembered(host: Host, device: DeviceId | None) -> None:
    host.machine("a").remember(Command(reserve_in(0)), device, ended(trouble="no device"))
    assert list(host.seen.all()) == []


def test_devices_that_refuse_drive_out_only_each_other(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REFUSED", 2)
    client = host.machine("a")
    register(client)
    for minor in range(5):
        client.remember(Command(reserve_in(0)), DeviceId(stat.S_IFCHR, minor + 1), ended(trouble="no SCSI device"))
    assert {device.rdev for device, _ in host.seen.all()} == {DISK.rdev, 4, 5}


def test_devices_beyond_the_limit_are_counted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERED", 1)
    client = host.machine("a")
    register(client)
    register(client, device=OTHER_DISK)
    register(client)
    assert [device for device, _ in host.seen.all()] == [DISK]
    assert host.seen.omitted == 1


def test_what_is_asked_for_does_not_change_afterwards(host: Host) -> None:
    client = host.machine("a")
    register(client)
    ((_, seen),) = host.seen.all()
    register(client, NEW_KEY)
    assert (seen.outcomes, [one.key for one in seen.registrations]) == ({GOOD: 1}, [KEY])


@pytest.mark.parametrize(
    ("commands", "left"),
    [
        ([out(OutAction.REGISTER, 0, KEY)], [KEY]),
        ([out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, KEY)], [KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.REGISTER, KEY, NEW_KEY)], [NEW_KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.REGISTER, KEY, 0)], []),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.CLEAR, KEY)], []),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.RESERVE, KEY)], [KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.PREEMPT, KEY, KEY)], [KEY]),
        ([Command(reserve_out(OutAction.REGISTER), b"short")], []),
    ],
)
def test_registrations_follow_the_commands(host: Host, commands: list[Command], left: list[int]) -> None:
    client = host.machine("a")
    for command in commands:
        client.remember(command, DISK, ended())
    assert keys_of(host) == left


@pytest.mark.parametrize("action", [OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT])
def test_a_preempted_machine_is_registered_no_more(host: Host, action: OutAction) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first, KEY)
    register(second, NEW_KEY)
    second.remember(out(action, NEW_KEY, KEY), DISK, ended())
    assert keys_of(host) == [NEW_KEY]


def test_a_registration_that_failed_changes_nothing(host: Host) -> None:
    client = host.machine("a")
    register(client)
    register(client, NEW_KEY, result=ended(CONFLICT))
    assert keys_of(host) == [KEY]


def test_a_second_machine_on_a_disk_is_told_once(host: Host) -> None:
    first, second, third = host.machine("a"), host.machine("b", 2), host.machine("c", 3)
    assert register(first).shares_with == []
    assert [one.machine_name for one in register(second).shares_with] == [MachineName("a", False)]
    assert register(second, NEW_KEY).shares_with == []
    assert register(third).shares_with == []


def test_it_is_told_again_once_no_machine_is_registered_any_more(host: Host) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    for _ in range(2):
        register(first)
        assert len(register(second).shares_with) == 1
        second.remember(out(OutAction.CLEAR, KEY), DISK, ended())


def test_machines_on_disks_of_their_own_are_not_told_of(host: Host) -> None:
    register(host.machine("a"))
    assert register(host.machine("b", 2), device=OTHER_DISK).shares_with == []


def test_a_machine_that_was_started_anew_is_no_second_one(host: Host) -> None:
    register(host.machine("a", 1))
    assert register(host.machine("a", 2)).shares_with == []


def test_a_process_whose_name_came_late_is_no_second_one(host: Host) -> None:
    client = host.machine(None)
    register(client)
    client.machine_name = MachineName("a", True)
    assert register(client, NEW_KEY).shares_with == []
    assert keys_of(host) == [NEW_KEY]


def test_a_machine_that_has_gone_is_not_told_of(host: Host) -> None:
    register(host.machine("a", 1))
    host.connected.clear()
    assert register(host.machine("b", 2)).shares_with == []


def test_emulated_machines_have_a_nexus_each(host: Host) -> None:
    register(host.machine("a"), result=ended(emulated=True))
    assert register(host.machine("b", 2), result=ended(emulated=True)).shares_with == []


READ_RESERVATION, READ_KEYS, REPORT = (Command(reserve_in(action)) for action in (1, 0, 2))
REGISTER = out(OutAction.REGISTER, 0, KEY)
PREEMPT = out(OutAction.PREEMPT, KEY, KEY)


@pytest.mark.parametrize("first", [READ_RESERVATION, READ_KEYS])
def test_a_take_over_after_a_migration_is_recognized(host: Host, first: Command) -> None:
    client = host.machine("a")
    news = [remember(client, command).took_over for command in (first, REGISTER, PREEMPT, REGISTER)]
    assert news == [None, None, KEY, None]


@pytest.mark.parametrize(
    "commands",
    [
        [REGISTER, PREEMPT],
        [READ_KEYS, PREEMPT],
        [REPORT, REGISTER, PREEMPT],
        [READ_KEYS, REGISTER, READ_KEYS, PREEMPT],
        [READ_KEYS, out(OutAction.REGISTER, KEY, KEY), PREEMPT],
        [READ_KEYS, REGISTER, out(OutAction.PREEMPT, KEY, NEW_KEY)],
        [READ_KEYS, REGISTER, out(OutAction.PREEMPT, NEW_KEY, NEW_KEY)],
        [READ_KEYS, out(OutAction.REGISTER, 0, 0), out(OutAction.PREEMPT, 0, 0)],
        [READ_KEYS, REGISTER, REGISTER, PREEMPT],
        [READ_KEYS, REGISTER, Command(reserve_out(OutAction.PREEMPT), b"short")],
    ],
)
def test_other_commands_are_no_take_over(host: Host, commands: list[Command]) -> None:
    client = host.machine("a")
    assert [remember(client, command).took_over for command in commands] == [None] * len(commands)


@pytest.mark.parametrize("failed", range(3))
def test_a_take_over_that_failed_is_none(host: Host, failed: int) -> None:
    client = host.machine("a")
    for number, command in enumerate((READ_KEYS, REGISTER, PREEMPT)):
        result = ended(CONFLICT if number == failed else GOOD)
        assert remember(client, command, DISK, result).took_over is None


@pytest.mark.parametrize("where", range(3))
def test_commands_to_several_disks_are_no_take_over(host: Host, where: int) -> None:
    client = host.machine("a")
    for number, command in enumerate((READ_KEYS, REGISTER, PREEMPT)):
        device = OTHER_DISK if number == where else DISK
        assert remember(client, command, device).took_over is None


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


def test_the_log_says_that_two_machines_cannot_fence_each_other(host: Host, said: list[str]) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    for client in (first, second):
        unasked.tell(client, DISK, register(client))
    (line,) = said
    assert line.startswith(f"WARNING {second}: device 8:16")
    assert f"so is {first}: to the disk both are this host" in line


def test_the_log_names_a_take_over(host: Host, said: list[str]) -> None:
    client = host.machine("a")
    for command in (READ_RESERVATION, REGISTER, PREEMPT):
        unasked.tell(client, DISK, remember(client, command))
    (line,) = said
    assert line.startswith(f"INFO {client}: device 8:16")
    assert "taken over with key 0xa1" in line


def test_watchers_get_each_out_command_however_it_ended(host: Host) -> None:
    client = host.machine("a")
    register(client)
    with host.seen.watchers.watching() as watch:
        client.remember(READ_KEYS, DISK, ended())
        register(client, NEW_KEY, result=ended(CONFLICT))
        register(client, NEW_KEY, FILE, ended(trouble="no device"))
        events = watch.take(10)
        assert [(event.device, event.result.outcome.status) for event in events] == [(DISK, CONFLICT), (FILE, GOOD)]
        assert watch.take(10) == []
    register(client)
    assert host.seen.watchers.all == ()


def test_a_watcher_that_does_not_take_loses_what_comes_and_the_others_lose_nothing(host: Host) -> None:
    client = host.machine("a")
    with host.seen.watchers.watching() as slow, host.seen.watchers.watching() as quick:
        for _ in range(MAX_WAITING + 2):
            register(client)
            assert len(quick.take(10)) == 1
        assert (slow.lost, quick.lost) == (2, 0)
        assert len(slow.take(MAX_WAITING + 10)) == MAX_WAITING
        register(client)
        assert (slow.lost, slow.waiting) == (3, 0)
