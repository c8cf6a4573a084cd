"""A map's sequences and the journal: what another process left or did, and a journal that cannot be written."""

import errno
import os
from pathlib import Path

import pytest

from prhelper.device.multipath import map as map_module
from prhelper.device.multipath.journal import ENTRY, Journal, JournalError, Turn
from prhelper.device.multipath.map import Map, Means
from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction

from ....support.spc import GOOD
from ..emulated.unit import answer, out
from .host import Host
from .mapped import NAMES, UUID, carry_out, entry_of
from .rules.cluster import KO, NO_PATH, Cluster, K
from .told import Told


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
