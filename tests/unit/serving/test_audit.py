"""What the log says of each command, at each level."""

import logging
import os
import socket
import stat
import threading
import time

import pytest

from prhelper.channel import SocketChannel
from prhelper.device.execution import Note, Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.logs import rate_limit
from prhelper.logs.handler import BYTES
from prhelper.logs.record import Limit
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving import audit, ended
from prhelper.serving.clients import Client
from prhelper.serving.seen import Seen

from ...support.spc import keys, reserve_in, reserve_out

FILE = DeviceId(stat.S_IFREG, 0)
RESERVE = Command(reserve_out(1, 3), keys(0xABC))
READ_KEYS = Command(reserve_in(0))

CONFLICT = Result(Outcome(Status.RESERVATION_CONFLICT), 0.0004)
ATTENTION = Result(check_condition(sense.RESET_OCCURRED), 0.0004)
GOOD = Result(Outcome(Status.GOOD, data=b"\x01\x02"), 0.001)
REFUSED = Result(check_condition(sense.INVALID_OPCODE), trouble="it is read-only: make it writable")

WHO = 'pid 4711 uid 107 "qemu": no device but a regular file: '
RESERVED = WHO + "PERSISTENT RESERVE OUT RESERVE, EXCLUSIVE ACCESS, LU, key 0xabc, service action key 0x0: "


class Lines(logging.Handler):
    """Remembers what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """A log of the test's own: pytest's would have everything worded at once."""
    lines = Lines()
    logger = logging.Logger("audit")
    logger.addHandler(lines)
    monkeypatch.setattr(audit, "_log", logger)
    monkeypatch.setattr(rate_limit, "lines", rate_limit.Repeats())
    return lines


@pytest.fixture(autouse=True)
def names_not_asked_yet() -> None:
    ended._names.cache_clear()


@pytest.fixture
def client() -> Client:
    ours, theirs = socket.socketpair()
    theirs.close()
    with SocketChannel(ours) as channel:
        return Client(1, Peer(4711, 107, "qemu", "machine.scope"), channel, Seen(lambda *_: True))


def done(client: Client, command: Command, device: DeviceId | None, result: Result) -> None:
    audit.done(client, client.end(command, device, result))


@pytest.mark.parametrize(
    ("level", "command", "result", "expected"),
    [
        (logging.ERROR, RESERVE, CONFLICT, []),
        (logging.INFO, RESERVE, CONFLICT, [RESERVED + "RESERVATION CONFLICT, 0.4 ms"]),
        (
            logging.INFO,
            RESERVE,
            ATTENTION,
            [
                RESERVED + "CHECK CONDITION, 06/29/00 unit attention, "
                "power on, reset, or bus device reset occurred, 0.4 ms"
            ],
        ),
        (logging.ERROR, RESERVE, REFUSED, [WHO + "it is read-only: make it writable"]),
        (logging.INFO, READ_KEYS, GOOD, []),
        (logging.DEBUG, READ_KEYS, GOOD, [WHO + "PERSISTENT RESERVE IN READ KEYS: GOOD, 1.0 ms"]),
    ],
)
def test_each_level_says_what_it_is_for(
    client: Client, lines: Lines, level: int, command: Command, result: Result, expected: list[str]
) -> None:
    audit._log.setLevel(level)
    done(client, command, FILE, result)
    assert lines.texts() == expected


def test_bytes_are_written_at_the_lowest_level(client: Client, lines: Lines) -> None:
    audit._log.setLevel(BYTES)
    done(client, READ_KEYS, FILE, GOOD)
    assert lines.texts()[1:] == [
        WHO + f"cdb {READ_KEYS.cdb.hex(' ')}, parameter list -",
        WHO + f"sense {bytes(96).hex(' ')}, data 01 02",
    ]


@pytest.mark.parametrize(
    ("command", "result", "limits"),
    [
        (RESERVE, CONFLICT, []),
        (RESERVE, REFUSED, [Limit("refused", 3)]),
        (READ_KEYS, GOOD._replace(trouble="SG_IO: errno 1", error=1), [Limit("failed", 3)]),
        (READ_KEYS, GOOD._replace(trouble="SG_IO: errno 2", error=2), [Limit("failed", 3)]),
    ],
)
def test_lines_are_counted_by_account_and_in_kinds_that_no_client_makes(
    client: Client, lines: Lines, command: Command, result: Result, limits: list[Limit]
) -> None:
    audit._log.setLevel(BYTES)
    done(client, command, FILE, result)
    assert {vars(record)["account"] for record in lines.records} == {"machine.scope"}
    assert [limit for record in lines.records if (limit := vars(record).get("limit"))] == limits


def test_200_reservations_a_minute_are_written_for_each_account(client: Client, lines: Lines) -> None:
    other = Client(2, client.peer._replace(account="other.scope"), client.channel, Seen(lambda *_: True))
    audit._log.setLevel(logging.INFO)
    for _ in range(201):
        done(client, RESERVE, FILE, CONFLICT)
    done(other, RESERVE, FILE, CONFLICT)
    assert [vars(record)["account"] for record in lines.records] == ["machine.scope"] * 200 + ["other.scope"]
    assert rate_limit.lines.sum_up(time.monotonic(), everything=True)[0].startswith("1 more like this: " + RESERVED)


SDA = DeviceId(stat.S_IFBLK, os.makedev(8, 0))


def test_a_name_that_comes_later_is_in_the_lines_that_follow(client: Client, lines: Lines) -> None:
    audit._log.setLevel(logging.INFO)
    done(client, RESERVE, FILE, CONFLICT)
    client.machine_name = MachineName("web1")
    done(client, RESERVE, FILE, CONFLICT)
    client.begin(RESERVE)
    assert [', machine "web1": ' in text for text in [*lines.texts(), client.unfinished()]] == [False, True, True]


def test_remarks_about_a_map_have_a_line_each(client: Client, lines: Lines) -> None:
    note = Note("mpatha", "3600140511112222", remarks=("a path is missing: look for it", "another"))
    audit._log.setLevel(logging.WARNING)
    done(client, RESERVE, FILE, CONFLICT._replace(note=note))
    assert lines.texts() == ["map mpatha: a path is missing: look for it", "map mpatha: another"]


def test_a_command_is_told_of_without_looking_anything_up(
    client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line has its words and names when it is written, in the log's thread."""

    def look_up(_: DeviceId) -> str:
        looked_up.append(threading.current_thread().name)
        return "sda"

    looked_up: list[str] = []
    monkeypatch.setattr(DeviceId, "name", look_up)
    audit._log.setLevel(logging.INFO)
    done(client, RESERVE, SDA, CONFLICT)
    assert looked_up == []
    assert "device 8:0 (sda): PERSISTENT RESERVE OUT RESERVE" in lines.texts()[0]


def test_what_a_client_has_in_flight_is_named_with_its_device(client: Client) -> None:
    in_flight = client.begin(RESERVE)
    assert client.unfinished().startswith('pid 4711 uid 107 "qemu": unknown device: PERSISTENT RESERVE OUT RESERVE')
    in_flight.device = FILE
    assert client.unfinished().startswith(WHO + "PERSISTENT RESERVE OUT RESERVE")
    client.end(RESERVE, FILE, CONFLICT)
    assert client.in_flight is None
