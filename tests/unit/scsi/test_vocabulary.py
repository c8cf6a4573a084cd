"""Sense data, names and CDB fields, as the log shows them."""

import os
import struct

import pytest

from prhelper.scsi import sense, sg_io
from prhelper.scsi.reservation import MAX_DATA, MAX_LENGTH, Command
from prhelper.scsi.sense import Sense
from prhelper.scsi.sg_io import read_command, write_command
from prhelper.scsi.status import status_name

from ...support.spc import keys, reserve_in, reserve_out

FIXED = sense.RESET_OCCURRED.to_bytes()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FIXED, Sense(6, 0x29, 0)),
        (b"\xf0" + FIXED[1:], Sense(6, 0x29, 0)),
        (b"\x71" + FIXED[1:], Sense(6, 0x29, 0)),
        (bytes.fromhex("7206290700000000"), Sense(6, 0x29, 7)),
        (bytes.fromhex("7306290700000000"), Sense(6, 0x29, 7)),
        (FIXED[:13], None),
        (bytes.fromhex("720629"), None),
        (bytes(96), None),
        (b"", None),
    ],
)
def test_sense_is_read_in_both_formats_and_not_guessed(data: bytes, expected: Sense | None) -> None:
    assert Sense.parse(data) == expected


def test_own_sense_is_fixed_format_with_zeros_behind() -> None:
    assert sense.IO_TERMINATED.to_bytes().hex() == "70000b000000000a000000000006" + "00" * 82


@pytest.mark.parametrize(
    ("meaning", "text"),
    [
        (Sense(6, 0x2A, 3), "06/2A/03 unit attention, reservations preempted"),
        (Sense(5, 0xEE, 1), "05/EE/01 illegal request"),
        (Sense(0xC, 0, 0), "0C/00/00 reserved sense key"),
    ],
)
def test_sense_reads_as_numbers_and_names(meaning: Sense, text: str) -> None:
    assert str(meaning) == text


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Command(reserve_in(0)), "PERSISTENT RESERVE IN READ KEYS"),
        (Command(reserve_in(0x1F)), "PERSISTENT RESERVE IN service action 0x1f"),
        (
            Command(reserve_out(1, 5), keys(0xABC)),
            "PERSISTENT RESERVE OUT RESERVE, WRITE EXCLUSIVE REGISTRANTS ONLY, LU, key 0xabc, service action key 0x0",
        ),
        (
            Command(reserve_out(4, 0x13), keys(1, 2)),
            "PERSISTENT RESERVE OUT PREEMPT, EXCLUSIVE ACCESS, scope 0x1, key 0x1, service action key 0x2",
        ),
        (Command(reserve_out(3), keys(7)), "PERSISTENT RESERVE OUT CLEAR, key 0x7, service action key 0x0"),
        (Command(reserve_out(2, 0xF), bytes(3)), "PERSISTENT RESERVE OUT RELEASE, type 0x0f, LU, no keys in 3 bytes"),
    ],
)
def test_command_reads_as_the_standard_calls_it(command: Command, text: str) -> None:
    assert str(command) == text


@pytest.mark.parametrize(("status", "name"), [(0x18, "RESERVATION CONFLICT"), (0x00, "GOOD"), (0x01, "status 0x01")])
def test_status_reads_as_the_standard_calls_it(status: int, name: str) -> None:
    assert status_name(status) == name


def test_header_has_the_size_of_the_kernels_on_64_bit() -> None:
    whole = struct.calcsize("@ii BBHI PPP II iP BBBB HHi II 4x")
    assert sg_io.HEADER_SIZE == sg_io._REQUEST.size == whole == 88
    assert sg_io._ANSWER.size == whole - struct.calcsize("@II 4x")  # duration and info are left out


def test_more_data_than_there_is_room_for_never_reaches_the_kernel() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        read_command(-1, bytes(16), MAX_LENGTH + 1, 1)
    with pytest.raises(ValueError, match="8193 bytes"):
        write_command(-1, bytes(16), bytes(MAX_DATA + 1), 1)


def test_file_that_is_no_scsi_device_refuses_the_ioctl() -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        with pytest.raises(OSError, match="Inappropriate ioctl"):
            read_command(fd, reserve_in(0), 8192, 1)
    finally:
        os.close(fd)
