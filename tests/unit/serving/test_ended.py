"""The words and fields of a line about a command."""

import os
import stat
import time

import pytest

from prhelper.device.execution import Note, Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving import ended as module
from prhelper.serving.ended import Ended

from ...support.spc import keys, reserve_out

FILE = DeviceId(stat.S_IFREG, 0)
SDA = DeviceId(stat.S_IFBLK, os.makedev(8, 0))
CONFLICT = Result(Outcome(Status.RESERVATION_CONFLICT), 0.0004)
RESERVED = "PERSISTENT RESERVE OUT RESERVE, EXCLUSIVE ACCESS, LU, key 0xabc, service action key 0x0: "


@pytest.fixture(autouse=True)
def names_not_asked_yet() -> None:
    module._names.cache_clear()


def ended(device: DeviceId | None = FILE, result: Result = CONFLICT, name: MachineName | None = None) -> Ended:
    command = Command(reserve_out(1, 3), keys(0xABC))
    return Ended(0.0, 1, Peer(4711, 107, "qemu", "machine.scope"), name, device, command, result)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (FILE, {"device": "no device but a regular file"}),
        (SDA, {"device": "8:0", "device_name": "sda"}),
        (None, {"device": "unknown"}),
    ],
)
def test_line_carries_its_parts_as_fields(
    monkeypatch: pytest.MonkeyPatch, device: DeviceId | None, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(DeviceId, "name", lambda _: "sda")
    assert ended(device).words()[1] == {
        "client_pid": "4711",
        "client_uid": "107",
        "client_comm": "qemu",
        "action": "RESERVE",
        "type": "EXCLUSIVE ACCESS",
        "scope": "LU",
        "key": "0xabc",
        "service_action_key": "0x0",
        **expected,
        "emulated": "0",
        "status": "RESERVATION CONFLICT",
        "sense": "",
        "duration_usec": "400",
    }


@pytest.mark.parametrize(
    ("name", "words", "fields"),
    [
        (None, "", {}),
        (MachineName("web1"), ', machine "web1"', {"machine_name": "web1", "machine_name_from": "cgroup"}),
        (
            MachineName("web1", claimed=True),
            ', machine "web1" by its own word',
            {"machine_name": "web1", "machine_name_from": "client"},
        ),
    ],
)
def test_line_names_the_machine_where_that_is_known(
    name: MachineName | None, words: str, fields: dict[str, str]
) -> None:
    text, told = ended(name=name).words()
    assert text.startswith(f'pid 4711 uid 107 "qemu"{words}: no device')
    assert {key: value for key, value in told.items() if key.startswith("machine")} == fields


def test_line_of_a_map_says_which_paths_were_used() -> None:
    note = Note("mpatha", "3600140511112222", ("2:0:0:0", "3:0:0:0"), ("4:0:0:0",))
    text, fields = ended(result=CONFLICT._replace(note=note)).words()
    how = "RESERVATION CONFLICT, 0.4 ms; map mpatha, WWID 3600140511112222, by 2:0:0:0, 3:0:0:0, not by 4:0:0:0"
    assert text.endswith(f": {RESERVED}{how}")
    assert (fields["map"], fields["wwid"]) == ("mpatha", "3600140511112222")
    assert (fields["paths_used"], fields["paths_skipped"]) == ("2:0:0:0 3:0:0:0", "4:0:0:0")


def test_sysfs_is_asked_once_a_second_for_a_device_whose_lines_follow_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def in_words(device: DeviceId) -> str:
        asked.append(device)
        return "sda"

    asked: list[DeviceId] = []
    monkeypatch.setattr(DeviceId, "in_words", in_words)
    monkeypatch.setattr(time, "monotonic", lambda: 1234.5)
    assert len({str(ended(SDA)) for _ in range(5)}) == 1
    assert asked == [SDA]
    monkeypatch.setattr(time, "monotonic", lambda: 1235.5)
    assert str(ended(SDA))
    assert asked == [SDA, SDA]
