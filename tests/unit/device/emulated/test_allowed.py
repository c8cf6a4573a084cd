"""Which commands conflict with a reservation: the tables of SPC-4, 5.13.1, and SBC-4, 4.17, row by row."""

import pytest

from prhelper.device.emulated.rules import conflicts
from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import OutAction, ReservationType

from .unit import TYPES, A, B, C, registered

# The columns: from any I_T nexus (Write Exclusive, Exclusive Access), from a registered one if registrants share,
# from one not registered (Write Exclusive, Exclusive Access). A: allowed, C: conflict.
ALLOWED, READS, WRITES = "AA A AA", "AC A AC", "CC A CC"

ROWS = {
    # SPC-4, table 65
    "ACCESS CONTROL IN": ("86 00", ALLOWED),
    "ACCESS CONTROL OUT": ("87 00", ALLOWED),
    "CHANGE ALIASES": ("a4 0b", WRITES),
    "COPY OPERATION ABORT": ("83 1c", WRITES),
    "EXTENDED COPY(LID4)": ("83 01", WRITES),
    "EXTENDED COPY(LID1)": ("83 00", WRITES),
    "INQUIRY": ("12 00", ALLOWED),
    "LOG SELECT": ("4c 00", WRITES),
    "LOG SENSE": ("4d 00", ALLOWED),
    "MANAGEMENT PROTOCOL IN": ("a3 10", READS),
    "MANAGEMENT PROTOCOL OUT": ("a4 10", WRITES),
    "MODE SELECT(6)": ("15 00", WRITES),
    "MODE SELECT(10)": ("55 00", WRITES),
    "MODE SENSE(6)": ("1a 00", READS),
    "MODE SENSE(10)": ("5a 00", READS),
    "PERSISTENT RESERVE IN": ("5e 00", ALLOWED),
    "READ ATTRIBUTE": ("8c 00", READS),
    "READ BUFFER(10)": ("3c 02", READS),
    "READ BUFFER(16)": ("9b 02", READS),
    "READ MEDIA SERIAL NUMBER": ("ab 01", ALLOWED),
    "RECEIVE CREDENTIAL": ("7f 00 00 00 00 00 00 00 18 00", WRITES),
    "RECEIVE COPY DATA(LID4)": ("84 06", ALLOWED),
    "RECEIVE COPY DATA(LID1)": ("84 01", ALLOWED),
    "RECEIVE COPY OPERATING PARAMETERS": ("84 03", ALLOWED),
    "RECEIVE COPY FAILURE DETAILS(LID1)": ("84 04", ALLOWED),
    "RECEIVE COPY STATUS(LID4)": ("84 05", ALLOWED),
    "RECEIVE COPY STATUS(LID1)": ("84 00", ALLOWED),
    "RECEIVE ROD TOKEN INFORMATION": ("84 07", ALLOWED),
    "RECEIVE DIAGNOSTIC RESULTS": ("1c 00", READS),
    "REMOVE I_T NEXUS": ("a4 0c", WRITES),
    "REPORT ALIASES": ("a3 0b", ALLOWED),
    "REPORT ALL ROD TOKENS": ("84 08", ALLOWED),
    "REPORT IDENTIFYING INFORMATION": ("a3 05", ALLOWED),
    "REPORT LUNS": ("a0 00", ALLOWED),
    "REPORT PRIORITY": ("a3 0e", ALLOWED),
    "REPORT SUPPORTED OPERATION CODES": ("a3 0c", READS),
    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS": ("a3 0d", READS),
    "REPORT TARGET PORT GROUPS": ("a3 0a", ALLOWED),
    "REPORT TIMESTAMP": ("a3 0f", ALLOWED),
    "REQUEST SENSE": ("03 00", ALLOWED),
    "SECURITY PROTOCOL IN": ("a2 00", READS),
    "SECURITY PROTOCOL OUT": ("b5 00", WRITES),
    "SEND DIAGNOSTIC": ("1d 00", WRITES),
    "SET IDENTIFYING INFORMATION": ("a4 06", WRITES),
    "SET PRIORITY": ("a4 0e", WRITES),
    "SET TARGET PORT GROUPS": ("a4 0a", WRITES),
    "SET TIMESTAMP": ("a4 0f", WRITES),
    "TEST UNIT READY": ("00 00", ALLOWED),
    "WRITE ATTRIBUTE": ("8d 00", WRITES),
    "WRITE BUFFER": ("3b 05", WRITES),
    # SBC-4, table 13
    "BACKGROUND CONTROL": ("9e 15", WRITES),
    "COMPARE AND WRITE": ("89 00", WRITES),
    "FORMAT UNIT": ("04 00", WRITES),
    "FORMAT WITH PRESET": ("38 00", WRITES),
    "GET LBA STATUS(16)": ("9e 12", READS),
    "GET LBA STATUS(32)": ("7f 00 00 00 00 00 00 00 00 12", READS),
    "GET PHYSICAL ELEMENT STATUS": ("9e 17", READS),
    "GET STREAM STATUS": ("9e 16", READS),
    "ORWRITE(16)": ("8b 00", WRITES),
    "POPULATE TOKEN": ("83 10", READS),
    "PRE-FETCH(10)": ("34 00", READS),
    "PRE-FETCH(16)": ("90 00", READS),
    "PREVENT ALLOW MEDIUM REMOVAL, allow": ("1e 00 00 00 00", ALLOWED),
    "PREVENT ALLOW MEDIUM REMOVAL, prevent": ("1e 00 00 00 01", WRITES),
    "READ(6)": ("08 00", READS),
    "READ(10)": ("28 00", READS),
    "READ(12)": ("a8 00", READS),
    "READ(16)": ("88 00", READS),
    "READ(32)": ("7f 00 00 00 00 00 00 00 00 09", READS),
    "READ CAPACITY(10)": ("25 00", ALLOWED),
    "READ CAPACITY(16)": ("9e 10", ALLOWED),
    "READ DEFECT DATA(10)": ("37 00", READS),
    "READ DEFECT DATA(12)": ("b7 00", READS),
    "REASSIGN BLOCKS": ("07 00", WRITES),
    "REMOVE ELEMENT AND TRUNCATE": ("9e 18", WRITES),
    "REPORT REFERRALS": ("9e 13", ALLOWED),
    "REPORT PROVISIONING INITIALIZATION PATTERN": ("a3 1d", ALLOWED),
    "RESTORE ELEMENTS AND REBUILD": ("9e 19", WRITES),
    "SANITIZE": ("48 01", WRITES),
    "START STOP UNIT, start": ("1b 00 00 00 01", ALLOWED),
    "START STOP UNIT, stop": ("1b 00 00 00 00", WRITES),
    "START STOP UNIT, power condition": ("1b 00 00 00 21", WRITES),
    "STREAM CONTROL": ("9e 14", WRITES),
    "SYNCHRONIZE CACHE(10)": ("35 00", WRITES),
    "SYNCHRONIZE CACHE(16)": ("91 00", WRITES),
    "UNMAP": ("42 00", WRITES),
    "VERIFY(10)": ("2f 00", READS),
    "VERIFY(12)": ("af 00", READS),
    "VERIFY(16)": ("8f 00", READS),
    "VERIFY(32)": ("7f 00 00 00 00 00 00 00 00 0a", READS),
    "WRITE(6)": ("0a 00", WRITES),
    "WRITE(10)": ("2a 00", WRITES),
    "WRITE(12)": ("aa 00", WRITES),
    "WRITE(16)": ("8a 00", WRITES),
    "WRITE(32)": ("7f 00 00 00 00 00 00 00 00 0b", WRITES),
    "WRITE AND VERIFY(10)": ("2e 00", WRITES),
    "WRITE ATOMIC(16)": ("9c 00", WRITES),
    "WRITE LONG(10)": ("3f 00", WRITES),
    "WRITE SAME(10)": ("41 00", WRITES),
    "WRITE SAME(16)": ("93 00", WRITES),
    "WRITE SCATTERED(16)": ("9f 12", WRITES),
    "WRITE STREAM(16)": ("9a 00", WRITES),
    "WRITE USING TOKEN": ("83 11", WRITES),
    "vendor specific": ("c0 00", WRITES),
}


def whole(cdb: str) -> bytes:
    return bytes.fromhex(cdb).ljust(16, b"\0")


@pytest.mark.parametrize(("cdb", "columns"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("kind", TYPES)
def test_command_beside_a_reservation(kind: ReservationType, cdb: str, columns: str) -> None:
    state = registered(A, B, holder=A, kind=kind)
    anybody, sharing, not_registered = columns.split()
    column = 0 if kind.name.startswith("WRITE") else 1
    among_registered = sharing if kind >= 5 else anybody[column]
    unregistered = not_registered[column] if kind >= 5 else anybody[column]
    found = {nexus: conflicts(state, nexus, whole(cdb)) for nexus in (A, B, C)}
    assert found == {A: False, B: among_registered == "C", C: unregistered == "C"}


@pytest.mark.parametrize("cdb", [row[0] for row in ROWS.values()], ids=list(ROWS))
def test_nothing_conflicts_where_nothing_is_reserved(cdb: str) -> None:
    for state in (State(), registered(A)):
        assert not any(conflicts(state, nexus, whole(cdb)) for nexus in (A, B))


# SPC-4, table 66, for who does not hold: registered, not registered.
TABLE_66 = {
    OutAction.CLEAR: (False, True),
    OutAction.PREEMPT: (False, True),
    OutAction.PREEMPT_AND_ABORT: (False, True),
    OutAction.REGISTER: (False, False),
    OutAction.REGISTER_AND_IGNORE_EXISTING_KEY: (False, False),
    OutAction.REGISTER_AND_MOVE: (True, True),
    OutAction.RELEASE: (False, True),
    OutAction.REPLACE_LOST_RESERVATION: (False, True),
    OutAction.RESERVE: (True, True),
}


@pytest.mark.parametrize("action", OutAction)
@pytest.mark.parametrize("kind", TYPES)
def test_persistent_reserve_out_beside_a_reservation(kind: ReservationType, action: OutAction) -> None:
    state = registered(A, B, holder=A, kind=kind)
    cdb = bytes([0x5F, action]).ljust(16, b"\0")
    among_registered, unregistered = TABLE_66[action]
    found = [conflicts(state, nexus, cdb) for nexus in (A, B, C)]
    assert found == [False, among_registered and kind < 7, unregistered]
    assert not conflicts(registered(A), C, cdb)


@pytest.mark.parametrize("opcode", [0x16, 0x17, 0x56, 0x57])
@pytest.mark.parametrize(
    ("state", "nexus", "expected"),
    [
        (State(), A, False),
        (registered(A), A, True),
        (registered(A), B, True),
        *((registered(A, B, holder=A, kind=kind), A, False) for kind in TYPES),
        *((registered(A, B, holder=A, kind=kind), B, kind < 5) for kind in TYPES),
        *((registered(A, B, holder=A, kind=kind), C, True) for kind in TYPES),
    ],
)
def test_reserve_and_release_of_old_give_way(opcode: int, state: State, nexus: Nexus, expected: bool) -> None:
    assert conflicts(state, nexus, bytes([opcode]).ljust(16, b"\0")) is expected
