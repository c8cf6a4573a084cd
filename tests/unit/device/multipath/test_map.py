"""A map's sequences: carried out on an emulated unit, and multipathd told."""

import pytest

from prhelper.device.multipath.map import KEY_REFUSED, NO_USABLE_PATH, Map, Means
from prhelper.device.multipath.multipathd import Reply
from prhelper.device.multipath.paths import uuid_of
from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.status import Status

from ....support.spc import GOOD
from ..emulated.unit import answer, out
from .host import DISKS, Host
from .mapped import NAMES, UUID, carry_out, entry_of
from .rules.cluster import NO_PATH, Cluster, K
from .told import Told

READ_KEYS = reserve_in(InAction.READ_KEYS)


def test_command_is_carried_out_on_all_paths_and_the_way_is_told(
    host: Host, cluster: Cluster, means: Means, told: Told
) -> None:
    result = carry_out(Map(UUID, means), host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == GOOD
    registrations = cluster.unit.registrations
    assert {registration.nexus.name: registration.key for registration in registrations} == dict.fromkeys("abc", K)
    assert result.note is not None
    assert result.note._replace(remarks=()) == ("mpatha", "36001405", tuple(NAMES), (), ())
    assert told.requests == ["getprkey map dm-7", f"setprkey map dm-7 key {K:#x}", "setprstatus map dm-7"]
    assert entry_of(means) == Entry(K)


@pytest.mark.usefixtures("cluster")
def test_map_may_have_any_bytes_for_a_name_and_uuid(host: Host, means: Means) -> None:
    (host.map / "dm/name").write_bytes(b"\xff\n")
    (host.map / "dm/uuid").write_bytes(b"mpath-\xff\n")
    result = carry_out(Map(uuid_of(host.map), means), host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == GOOD
    assert result.note is not None
    assert (result.note.map_name, result.note.wwid) == (r"\xff", r"\xff")
    assert means.journal.maps() == [uuid_of(host.map)]


def test_path_that_is_away_is_skipped_and_needs_care_when_it_is_back(
    host: Host, cluster: Cluster, means: Means
) -> None:
    one = Map(UUID, means)
    host.fail("sdb")
    cluster.away.add("b")
    result = carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert result.note is not None
    assert (result.note.used, result.note.skipped) == (("2:0:0:0", "10:0:0:0"), ("3:0:0:0",))
    assert not one.needs_care(host.map)
    assert one.is_waiting

    cluster.away.clear()
    host.write_to(host.map / "slaves/sdb/device/state", "running")
    assert one.needs_care(host.map)
    one.look_after(host.map)
    assert [registration.key for registration in cluster.unit.registrations] == [K, K, K]
    assert not one.needs_care(host.map)
    assert not one.is_waiting


def test_registration_that_another_has_removed_shows_in_the_unit_only(
    host: Host, cluster: Cluster, means: Means
) -> None:
    one = Map(UUID, means)
    assert one.is_as_left(host.map)
    assert not one.is_registered
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert one.is_registered
    assert one.is_as_left(host.map)
    cluster.by(cluster.nexuses["b"], out(OutAction.REGISTER, K, 0))
    assert not one.needs_care(host.map)
    assert not one.is_as_left(host.map)
    result = one.look_after(host.map)
    assert [registration.key for registration in cluster.unit.registrations] == [K, K, K]
    assert one.is_as_left(host.map)
    assert result.note is not None
    assert result.note.remarks == ("3:0:0:0 was unregistered, but the host was not fenced: registered again",)


def test_disk_that_has_taken_the_place_of_another_needs_care(host: Host, cluster: Cluster, means: Means) -> None:
    one = Map(UUID, means)
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert not one.needs_care(host.map)
    host.write_to(host.map / "slaves/sda/diskseq", "2")
    assert one.needs_care(host.map)
    cluster.sent.clear()
    one.look_after(host.map)
    assert any(sent.startswith("a ") for sent in cluster.sent)


@pytest.mark.usefixtures("cluster")
def test_map_without_a_registration_is_of_no_interest(host: Host, means: Means) -> None:
    one = Map(UUID, means)
    assert not one.is_of_interest
    carry_out(one, host, READ_KEYS)
    assert not one.is_of_interest
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert one.is_of_interest
    carry_out(one, host, out(OutAction.REGISTER, K, 0))
    assert not one.is_of_interest
    assert entry_of(means) is None


@pytest.mark.usefixtures("cluster")
def test_reading_takes_no_turn_so_it_waits_for_no_command(host: Host, means: Means) -> None:
    with means.journal.turn(UUID):
        result = carry_out(Map(UUID, means), host, READ_KEYS)
    assert result.outcome.status == Status.GOOD


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("command", [READ_KEYS, out(OutAction.REGISTER, 0, K)])
def test_without_a_usable_path_a_cluster_is_told_to_retry_and_the_administrator_why(
    host: Host, means: Means, command: Command
) -> None:
    for disk in DISKS:
        host.fail(disk)
    result = carry_out(Map(UUID, means), host, command)
    assert answer(result.outcome) == NO_PATH
    assert result.note is not None
    assert result.note.remarks == (NO_USABLE_PATH,)
    assert result.note.skipped == tuple(NAMES)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("reply", "remark"),
    [(Reply("", "multipathd cannot be reached"), "multipathd cannot be reached"), (Reply("fail"), KEY_REFUSED)],
)
def test_trouble_with_multipathd_is_told_once_and_costs_nothing(
    host: Host, means: Means, told: Told, reply: Reply, remark: str
) -> None:
    told.reply = reply
    result = carry_out(Map(UUID, means), host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == GOOD
    assert result.note is not None
    assert result.note.remarks == (remark,)


@pytest.mark.usefixtures("cluster")
def test_multipathd_that_was_away_is_told_when_it_is_back(host: Host, means: Means, told: Told) -> None:
    one = Map(UUID, means)
    told.reply = Reply("", "multipathd cannot be reached")
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert one.multipathd_is_late
    assert not one.is_as_left(host.map)
    told.reply = Reply("ok")
    told.requests.clear()
    one.look_after(host.map)
    assert told.requests == [f"setprkey map dm-7 key {K:#x}", "setprstatus map dm-7"]
    assert one.is_as_left(host.map)
