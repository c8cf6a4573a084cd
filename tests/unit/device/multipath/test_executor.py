"""From a descriptor that leads to a map to the map's answer."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.channel import run
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.device.multipath import map as map_module
from prhelper.device.multipath import maps as maps_module
from prhelper.device.multipath.executor import Multipath
from prhelper.device.multipath.journal import Journal
from prhelper.device.multipath.map import KEY_REFUSED, Means
from prhelper.device.multipath.maps import Maps
from prhelper.device.multipath.multipathd import Multipathd, Reply
from prhelper.device.multipath.rules.commands import register
from prhelper.device.multipath.rules.steps import Entry
from prhelper.device.multipath.sending import send_in_turn
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.outcome import outcome_of_errno
from prhelper.scsi.reservation import Command, InAction
from prhelper.scsi.status import Status

from .host import Host

READ_KEYS = reserve_in(InAction.READ_KEYS)
REGISTER = register(0, 0xABC, 0)


@pytest.fixture
def means(tmp_path: Path) -> Means:
    return Means(Journal(tmp_path / "journal"), Multipathd(()), send_in_turn, 60)


@pytest.fixture
def multipath(means: Means) -> Iterator[Multipath]:
    multipath = Multipath(means)
    multipath.start()
    yield multipath
    multipath.stop()


def execute(multipath: Multipath, command: Command, folder: Path, flags: int = os.O_RDWR) -> Result:
    descriptor = os.open("/dev/null", flags)
    try:
        return run(multipath.on(folder).execute(command, Target.of(descriptor)))
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("command", [READ_KEYS, REGISTER])
def test_descriptor_without_permissions_is_not_acted_on(host: Host, multipath: Multipath, command: Command) -> None:
    result = execute(multipath, command, host.map, os.O_PATH)
    assert result == Result(outcome_of_errno(errno.EBADF), trouble="its descriptor was opened with O_PATH")


@pytest.mark.parametrize("command", [READ_KEYS, REGISTER])
def test_map_that_is_going_away_is_told(host: Host, multipath: Multipath, command: Command) -> None:
    (host.map / "dm/uuid").unlink()
    result = execute(multipath, command, host.map)
    assert result.outcome == outcome_of_errno(errno.ENOENT)
    assert result.trouble is not None
    assert "No such file or directory; the map is going away" in result.trouble


@pytest.mark.parametrize("command", [READ_KEYS, REGISTER])
def test_command_goes_to_the_map(host: Host, multipath: Multipath, command: Command) -> None:
    for disk in ("sda", "sdb", "sdc"):
        host.fail(disk)
    result = execute(multipath, command, host.map)
    assert result.outcome.status == Status.CHECK_CONDITION
    assert result.note is not None
    assert (result.note.map_name, result.note.wwid, result.note.used) == ("mpatha", "36001405", ())


class Asked(Multipathd):
    """A multipathd that runs, or does not, and knows what multipath.conf says."""

    def __init__(self, trouble: str | None, keeps_keys: bool | None) -> None:
        super().__init__(())
        self._trouble, self._keeps = trouble, keeps_keys

    def request(self, command: str) -> Reply:
        assert command == "show daemon"
        return Reply("", self._trouble)

    def keeps_keys(self, wwid: str) -> bool | None:
        assert wwid == "36001405"
        return self._keeps


@pytest.mark.parametrize(
    ("asked", "trouble"),
    [
        (Asked(None, True), None),
        (Asked(None, None), None),
        (Asked(None, False), f"mpatha: {KEY_REFUSED}"),
        (Asked("multipathd cannot be reached", None), "multipathd cannot be reached"),
    ],
)
def test_what_keeps_multipathd_from_registering_paths_is_known_at_the_start(
    host: Host, means: Means, monkeypatch: pytest.MonkeyPatch, asked: Asked, trouble: str | None
) -> None:
    maps = Maps(means._replace(multipathd=asked))
    monkeypatch.setattr(maps_module, "multipath_maps", lambda: iter([host.map]))
    assert maps.trouble_with_multipathd() == trouble
    monkeypatch.setattr(maps_module, "multipath_maps", lambda: iter([]))
    assert maps.trouble_with_multipathd() is None


def test_maps_that_a_process_before_left_something_of_are_known_at_the_start(
    host: Host, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_module, "multipath_maps", lambda: iter([host.map]))
    assert Maps(means).of_interest() == []
    for uuid in ("mpath-36001405", "mpath-of-a-map-that-is-not-here"):
        with means.journal.turn(uuid) as turn:
            turn.write(Entry(0xABC))
    maps = Maps(means)
    assert {each.uuid: each.folder() for each in maps.of_interest()} == {
        "mpath-36001405": host.map,
        "mpath-of-a-map-that-is-not-here": None,
    }
    assert maps.of(host.map).needs_care(host.map)
    assert maps.of(host.map) in maps.of_interest()
