"""What the log says of each command, at each level."""

import logging
import stat
from collections.abc import Iterator

import pytest

from prhelper.device.execution import Execution
from prhelper.device.identity import DeviceId
from prhelper.host.peer import Peer
from prhelper.logs.handler import BYTES
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving.audit import ClientObserver, Counters

from ...support.client import keys, reserve_in, reserve_out

FILE = DeviceId(stat.S_IFREG, 0)
RESERVE = Command(reserve_out(1, 3), keys(0xABC))
READ_KEYS = Command(reserve_in(0))

CONFLICT = Execution(RESERVE, Outcome(Status.RESERVATION_CONFLICT), FILE, 0.0004)
ATTENTION = Execution(RESERVE, check_condition(sense.RESET_OCCURRED), FILE, 0.0004)
READ = Execution(READ_KEYS, Outcome(Status.GOOD, data=b"\x01\x02"), FILE, 0.001)
REFUSED = Execution(RESERVE, check_condition(sense.INVALID_OPCODE), FILE, trouble="it is read-only: make it writable")

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
def lines() -> Iterator[Lines]:
    logger, lines = logging.getLogger("prhelper.serving.audit"), Lines()
    logger.addHandler(lines)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def observer() -> ClientObserver:
    return ClientObserver(1, Peer(4711, 107, "qemu", "machine.scope"), Counters())


@pytest.mark.parametrize(
    ("level", "execution", "expected"),
    [
        (logging.ERROR, CONFLICT, []),
        (logging.INFO, CONFLICT, [RESERVED + "RESERVATION CONFLICT, 0.4 ms"]),
        (
            logging.INFO,
            ATTENTION,
            [
                RESERVED + "CHECK CONDITION, 06/29/00 unit attention, "
                "power on, reset, or bus device reset occurred, 0.4 ms"
            ],
        ),
        (logging.ERROR, REFUSED, [WHO + "it is read-only: make it writable"]),
        (logging.INFO, READ, []),
        (logging.DEBUG, READ, [WHO + "PERSISTENT RESERVE IN READ KEYS: GOOD, 1.0 ms"]),
    ],
)
def test_each_level_says_what_it_is_for(
    observer: ClientObserver, lines: Lines, level: int, execution: Execution, expected: list[str]
) -> None:
    logging.getLogger("prhelper.serving.audit").setLevel(level)
    observer.begun(execution.command)
    observer.done(execution)
    assert lines.texts() == expected


def test_bytes_are_written_at_the_lowest_level(observer: ClientObserver, lines: Lines) -> None:
    logging.getLogger("prhelper.serving.audit").setLevel(BYTES)
    observer.done(READ)
    assert lines.texts()[1:] == [
        WHO + f"cdb {READ_KEYS.cdb.hex(' ')}, parameter list -",
        WHO + f"sense {bytes(96).hex(' ')}, data 01 02",
    ]


@pytest.mark.parametrize(
    ("execution", "kinds"),
    [
        (CONFLICT, [("out", 200)]),
        (REFUSED, [("refused", 3), ("out", 200)]),
        (READ._replace(trouble="SG_IO: errno 1", error=1), [("failed", 3)]),
        (READ._replace(trouble="SG_IO: errno 2", error=2), [("failed", 3)]),
    ],
)
def test_lines_are_counted_by_account_and_in_kinds_that_no_client_makes(
    observer: ClientObserver, lines: Lines, execution: Execution, kinds: list[tuple[str, int]]
) -> None:
    logging.getLogger("prhelper.serving.audit").setLevel(BYTES)
    observer.done(execution)
    assert {vars(record)["account"] for record in lines.records} == {"machine.scope"}
    assert [repeat for record in lines.records if (repeat := vars(record).get("repeat"))] == kinds


def test_line_carries_its_parts_as_fields(observer: ClientObserver, lines: Lines) -> None:
    logging.getLogger("prhelper.serving.audit").setLevel(logging.INFO)
    observer.done(CONFLICT)
    assert vars(lines.records[0])["fields"] == {
        "client_pid": "4711",
        "client_uid": "107",
        "client_comm": "qemu",
        "action": "RESERVE",
        "type": "EXCLUSIVE ACCESS",
        "scope": "LU",
        "key": "0xabc",
        "service_action_key": "0x0",
        "device": "no device but a regular file",
        "status": "RESERVATION CONFLICT",
        "sense": "",
        "duration_usec": "400",
    }


def test_command_in_flight_is_named_with_its_device(observer: ClientObserver) -> None:
    assert observer.in_flight() is None
    observer.begun(RESERVE)
    assert (observer.in_flight() or "").startswith('pid 4711 uid 107 "qemu": unknown device: PERSISTENT RESERVE OUT')
    observer.identified(FILE)
    assert (observer.in_flight() or "").startswith(WHO + "PERSISTENT RESERVE OUT RESERVE")
    observer.done(CONFLICT)
    assert observer.in_flight() is None
