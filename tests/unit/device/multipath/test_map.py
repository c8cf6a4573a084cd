"""A map's sequences: carried out on an emulated unit, with the journal on a disk, and multipathd told."""

import errno
import os
import stat
from pathlib import Path

import pytest

from prhelper.device.execution import Result
from prhelper.device.multipath import map as map_module
from prhelper.device.multipath.journal import ENTRY, Journal, JournalError, Turn
from prhelper.device.multipath.map import KEY_REFUSED, NO_USABLE_PATH, Map, Means
from prhelper.device.multipath.multipathd import Reply
from prhelper.device.multipath.paths import uuid_of
from prhelper.device.multipath.rules.steps import Entry
from prhelper.device.multipath.sending import send_in_turn
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.status import Status

from ....support.spc import GOOD
from ..emulated.unit import answer, out
from .host import DISKS, Host
from .rules.cluster import KO, NO_PATH, Cluster, K
from .told import Told

UUID = "mpath-36001405"
NAMES = dict(zip((address for address, _ in DISKS.values()), "abc", strict=True))
READ_KEYS = reserve_in(InAction.READ_KEYS)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The unit that the host's disks lead to."""
    cluster = Cluster(paths="abc")
    monkeypatch.setattr(stat, "S_ISBLK", stat.S_ISCHR)
    monkeypatch.setattr(map_module, "send", lambda _fd, path, command, _timeout: cluster.deliver(NAMES[path], command))
    return cluster


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def means(tmp_path: Path, told: Told) -> Means:
    return Means(Journal(tmp_path / "journal"), told, send_in_turn, 60)


def carry_out(one: Map, host: Host, command: Command) -> Result:
    return one.execute(command, host.map)


def entry_of(means: Means) -> Entry | None:
    with means.journal.turn(UUID) as turn:
        return turn.entry


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


def test_other_process_on_the_map_makes_what_is_remembered_void(
    host: Host, cluster: Cluster, means: Means, told: Told, tmp_path: Path
) -> None:
    one, another = Map(UUID, means), Map(UUID, means._replace(journal=Journal(tmp_path / "journal")))
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    carry_out(another, host, out(OutAction.REGISTER, K, 0))
    carry_out(another, host, out(OutAction.REGISTER, 0, KO))
    told.requests.clear()
    result = carry_out(one, host, out(OutAction.RESERVE, KO, 0, 5))
    assert answer(result.outcome) == GOOD
    assert told.requests[0] == "getprkey map dm-7"
    assert [registration.key for registration in cluster.unit.registrations] == [KO, KO, KO]


@pytest.mark.usefixtures("cluster")
def test_journal_that_cannot_be_written_ends_the_command_and_it_is_repaired_later(
    host: Host, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Map(UUID, means)
    with monkeypatch.context() as patch:
        patch.setattr(Turn, "write", lambda *_: (_ for _ in ()).throw(JournalError("journal: no room; make some")))
        result = carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == NO_PATH
    assert result.trouble == "journal: no room; make some"
    assert one.needs_care(host.map)
    assert answer(carry_out(one, host, out(OutAction.REGISTER, 0, K)).outcome) == GOOD


def test_sequence_whose_last_entry_cannot_be_written_is_repaired_by_the_one_before(
    host: Host, cluster: Cluster, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, write = Map(UUID, means), Turn.write

    def write_until_registered(turn: Turn, entry: Entry | None) -> None:
        if cluster.unit.registrations:
            raise JournalError("journal: no room; make some")
        write(turn, entry)

    with monkeypatch.context() as patch:
        patch.setattr(Turn, "write", write_until_registered)
        result = carry_out(one, host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == NO_PATH
    assert entry_of(means) == Entry(0, (K,))
    assert one.needs_care(host.map)
    one.look_after(host.map)
    assert cluster.unit.registrations == ()
    assert answer(carry_out(one, host, out(OutAction.REGISTER, 0, K)).outcome) == GOOD


@pytest.mark.usefixtures("cluster")
def test_entry_that_is_damaged_meanwhile_is_written_anew(host: Host, means: Means) -> None:
    one = Map(UUID, means)
    carry_out(one, host, out(OutAction.REGISTER, 0, K))
    (means.journal._directory / UUID / ENTRY).write_bytes(b"damaged")
    assert answer(carry_out(one, host, out(OutAction.RESERVE, K, kind=5)).outcome) == GOOD
    assert entry_of(means) == Entry(K)


@pytest.mark.usefixtures("cluster")
def test_turn_that_cannot_begin_is_told_and_nothing_is_sent(
    host: Host, cluster: Cluster, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "mkdir", refuse)
    result = carry_out(Map(UUID, means), host, out(OutAction.REGISTER, 0, K))
    assert answer(result.outcome) == NO_PATH
    assert result.trouble is not None
    assert "Read-only file system" in result.trouble
    assert cluster.sent == []


def test_what_a_process_before_left_is_of_interest_and_is_ended(host: Host, cluster: Cluster, means: Means) -> None:
    """Killed when one path has the key, and the others do not."""

    def die_at_the_second_out(_fd: int, path: str, command: Command, _timeout: float) -> Outcome:
        if command.is_out and cluster.unit.registrations:
            raise KeyboardInterrupt
        return cluster.deliver(NAMES[path], command)

    first = Map(UUID, means)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_module, "send", die_at_the_second_out)
        with pytest.raises(KeyboardInterrupt):
            carry_out(first, host, out(OutAction.REGISTER, 0, K))
    assert 0 < len(cluster.unit.registrations) < len(NAMES)

    successor = Map(UUID, means._replace(journal=Journal(means.journal._directory)), left_over=True)
    assert successor.needs_care(host.map)
    successor.look_after(host.map)
    assert len(cluster.unit.registrations) in (0, len(NAMES))
