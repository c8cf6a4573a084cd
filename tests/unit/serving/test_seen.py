"""What is remembered of devices, and passed on to who watches."""

from __future__ import annotations

import stat

import pytest

from prhelper.device.execution import Note, Result
from prhelper.device.identity import DeviceId
from prhelper.device.unit import Unit
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction
from prhelper.serving import seen as module
from prhelper.serving.clients import Client
from prhelper.serving.seen import NOT_SENT, UNIT_LASTS
from prhelper.serving.watching import MAX_WAITING

from ...support.spc import reserve_in
from .hosts import CONFLICT, DISK, FILE, GOOD, KEY, NEW_KEY, OTHER_DISK, Host, ended, out, register, remember


def test_commands_are_counted_by_how_they_ended(host: Host) -> None:
    client = host.machine("a")
    for result in (ended(), ended(), ended(CONFLICT), ended(0x02, trouble="no room")):
        remember(client, Command(reserve_in(0)), DISK, result)
    (device, seen), *others = host.seen.all()
    assert (device, others) == (DISK, [])
    assert seen.outcomes == {GOOD: 2, CONFLICT: 1, NOT_SENT: 1}


def test_the_first_of_the_slowest_commands_is_kept_without_its_data(host: Host) -> None:
    client = host.machine("a")
    read, other = Command(reserve_in(0)), Command(reserve_in(1))
    for command, seconds in ((other, 1.0), (read, 3.0), (other, 3.0), (other, 2.0)):
        remember(client, command, DISK, Result(Outcome(GOOD, data=b"keys"), seconds))
    ((_, seen),) = host.seen.all()
    assert seen.slowest is not None
    assert (seen.slowest.command, seen.slowest.result) == (read, ended(seconds=3.0))


def test_the_last_reservation_that_ended_well_is_kept(host: Host) -> None:
    client = host.machine("a")
    register(client)
    remember(client, out(OutAction.RESERVE, KEY), DISK, ended(CONFLICT))
    remember(client, out(OutAction.CLEAR, KEY), DISK, ended(trouble="not sent"))
    remember(client, Command(reserve_in(0)), DISK, ended())
    ((_, seen),) = host.seen.all()
    assert seen.last is not None
    assert seen.last.command.action_name == "REGISTER"


@pytest.mark.parametrize("nodes", [(DISK, OTHER_DISK), (OTHER_DISK, DISK)])
def test_two_nodes_of_a_disk_have_the_slowest_and_the_last_command_of_either(
    host: Host, nodes: tuple[DeviceId, DeviceId]
) -> None:
    client = host.machine("a")
    register(client, device=DISK, result=ended(seconds=3.0))
    remember(client, out(OutAction.RESERVE, KEY), OTHER_DISK, ended(seconds=1.0))
    remember(client, Command(reserve_in(0)), OTHER_DISK, ended(seconds=3.0))
    devices = dict(host.seen.all())
    one, other = (devices[node] for node in nodes)
    slowest = one.slowest
    one.add_node(other)
    assert one.slowest is slowest  # the first of those that took as long
    assert one.last is not None
    assert one.last.command.action_name == "RESERVE"
    assert one.outcomes == {GOOD: 3}


@pytest.mark.parametrize("first", [DISK, OTHER_DISK])
def test_a_node_that_has_seen_less_changes_nothing(host: Host, first: DeviceId) -> None:
    client = host.machine("a")
    register(client, device=DISK, result=ended(seconds=3.0))
    remember(client, Command(reserve_in(0)), OTHER_DISK, ended(seconds=1.0))
    devices = dict(host.seen.all())
    one, other = devices.pop(first), *devices.values()
    one.add_node(other)
    assert (one.slowest_seconds, one.slowest and one.slowest.device) == (3.0, DISK)
    assert one.last is not None


def test_the_unit_of_a_device_is_asked_for_once_a_second_and_when_the_clock_was_set_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unit(_: DeviceId) -> Unit:
        asked.append(at)
        return Unit(None, frozenset({"here"}))

    asked: list[float] = []
    monkeypatch.setattr(DeviceId, "unit", unit)
    client = host.machine("a")
    for at in (100.0, 100.0, 100.0 + UNIT_LASTS / 2, 100.0 + UNIT_LASTS, 50.0):
        record = client.end(out(OutAction.REGISTER, 0, KEY), DISK, ended())
        client.remember(record._replace(at=at))
    assert asked == [100.0, 100.0 + UNIT_LASTS, 50.0]


def test_a_map_is_known_once_a_command_went_there(host: Host) -> None:
    client = host.machine("a")
    for note in (None, Note("mpatha", "3600"), None):
        remember(client, Command(reserve_in(0)), DISK, ended(note=note))
    ((_, seen),) = host.seen.all()
    assert (seen.map_name, seen.wwid) == ("mpatha", "3600")


@pytest.mark.parametrize("device", [FILE, None])
def test_what_is_no_device_is_not_remembered(host: Host, device: DeviceId | None) -> None:
    remember(host.machine("a"), Command(reserve_in(0)), device, ended(trouble="no device"))
    assert list(host.seen.all()) == []


def test_devices_that_refuse_drive_out_only_each_other(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REFUSED", 2)
    client = host.machine("a")
    register(client)
    for minor in range(5):
        remember(client, Command(reserve_in(0)), DeviceId(stat.S_IFCHR, minor + 1), ended(trouble="no SCSI device"))
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


def test_watchers_get_each_out_command_however_it_ended(host: Host) -> None:
    client = host.machine("a")
    register(client)
    with host.seen.watchers.watching() as watch:
        remember(client, Command(reserve_in(0)), DISK, ended())
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


class Units:
    """What sysfs says each device leads to; at first, all to one unit by one nexus."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses = dict.fromkeys((DISK, OTHER_DISK), "0:0:0:1")
        monkeypatch.setattr(DeviceId, "unit", lambda device: Unit("3600", frozenset({self.addresses[device]})))

    def move(self, wwid: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """All lead to another unit from now on."""
        monkeypatch.setattr(DeviceId, "unit", lambda device: Unit(wwid, frozenset({self.addresses[device]})))


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> Units:
    return Units(monkeypatch)


def keys_of(host: Host, device: DeviceId = DISK) -> list[int]:
    return [one.key for one in dict(host.seen.all())[device].registrations]


def test_registrations_stay_for_as_long_as_the_device_leads_to_the_unit(
    host: Host, units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register_at(at: float, client: Client, key: int) -> None:
        client.remember(client.end(out(OutAction.REGISTER, 0, key), DISK, ended())._replace(at=at))

    first, second = host.machine("a"), host.machine("b", 2)
    register_at(100.0, first, KEY)
    register_at(200.0, second, NEW_KEY)
    assert keys_of(host) == [KEY, NEW_KEY]
    units.move("3601", monkeypatch)
    register_at(300.0, second, NEW_KEY)
    assert keys_of(host) == [NEW_KEY]
    units.move("3600", monkeypatch)
    register_at(400.0, second, NEW_KEY)
    assert keys_of(host) == [NEW_KEY]


@pytest.mark.parametrize(("address", "both"), [("0:0:0:1", [KEY]), ("1:0:0:1", [KEY, NEW_KEY])])
def test_two_nodes_of_a_disk_have_each_registration_once(
    host: Host, units: Units, address: str, both: list[int]
) -> None:
    units.addresses[OTHER_DISK] = address
    register(host.machine("a"))
    remember(host.machine("a"), Command(reserve_in(0)), OTHER_DISK)
    if address != units.addresses[DISK]:
        register(host.machine("b", 2), NEW_KEY, OTHER_DISK)
    else:
        register(host.machine("a"), KEY, OTHER_DISK)
    devices = dict(host.seen.all())
    devices[DISK].add_node(devices[OTHER_DISK])
    assert [one.key for one in devices[DISK].registrations] == both


def test_sysfs_is_not_asked_what_an_emulated_unit_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(DeviceId, "unit")
    register(host.machine("a"), result=ended(emulated=True))
    assert keys_of(host) == [KEY]


def test_refusals_are_counted_and_go_on_once_a_command_is_answered(host: Host) -> None:
    client = host.machine("a")
    for _ in range(2):
        remember(client, Command(reserve_in(0)), DISK, ended(seconds=2.0, trouble="no SCSI device"))
    assert dict(host.seen.all())[DISK].outcomes == {NOT_SENT: 2}
    remember(client, Command(reserve_in(0)), DISK, ended(seconds=1.0))
    remember(client, Command(reserve_in(1)), DISK, ended(seconds=2.0, trouble="later"))
    ((_, seen),) = host.seen.all()
    assert seen.outcomes == {NOT_SENT: 3, GOOD: 1}
    assert seen.slowest is not None
    assert seen.slowest.command == Command(reserve_in(0))  # the first of those that took as long


def test_a_machine_that_has_gone_has_lost_its_registration_to_the_next_and_is_told_of_when_it_is_back(
    host: Host,
) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first)
    host.connected.remove(first)
    assert register(second, NEW_KEY).shares_with == ()
    assert [one.key for one in dict(host.seen.all())[DISK].registrations] == [NEW_KEY]
    host.connected.append(first)
    assert register(second, NEW_KEY).shares_with == ()
    assert [one.key for one in register(first).shares_with] == [NEW_KEY]
