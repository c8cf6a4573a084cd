"""What SG_IO says, and what the guest is told: the whole table."""

import errno

import pytest

from prhelper.scsi.outcome import NO_SENSE, outcome_of_errno, outcome_of_result
from prhelper.scsi.sense import Sense
from prhelper.scsi.sg_io import SgIoResult

UNIT_ATTENTION = bytes.fromhex("7000060000000 00a 00000000 2a03 00000000".replace(" ", ""))
IN_DESCRIPTOR_FORMAT = bytes.fromhex("72052400 00000000")

Expected = tuple[int, tuple[int, int, int] | None]

ERRNOS: dict[int | None, Expected] = {
    errno.EDOM: (0x28, None),
    errno.ENOMEM: (0x02, (0x04, 0x44, 0x00)),
    errno.EINVAL: (0x02, (0x05, 0x24, 0x00)),
    errno.EBADE: (0x18, None),
    errno.ENODATA: (0x02, (0x03, 0x11, 0x00)),
    errno.EREMOTEIO: (0x02, (0x04, 0x44, 0x00)),
    errno.ENODEV: (0x02, (0x04, 0x44, 0x00)),
    errno.ENOMEDIUM: (0x02, (0x02, 0x3A, 0x00)),
    errno.ENOSPC: (0x02, (0x07, 0x27, 0x07)),
    **dict.fromkeys(
        (errno.EPERM, errno.EIO, errno.ENOTTY, errno.EBUSY, errno.ENXIO, errno.ETIMEDOUT, errno.EINTR),
        (0x02, (0x0B, 0x00, 0x06)),
    ),
    None: (0x02, (0x0B, 0x00, 0x06)),
}

HOST_STATUSES: dict[int, Expected] = {
    0x01: (0x02, (0x0B, 0x05, 0x00)),
    0x02: (0x08, None),
    0x03: (0x02, (0x0B, 0x2E, 0x02)),
    0x04: (0x02, (0x0B, 0x08, 0x00)),
    0x05: (0x02, (0x0B, 0x2F, 0x02)),
    0x08: (0x02, (0x06, 0x29, 0x00)),
    0x0E: (0x02, (0x0B, 0x29, 0x07)),
    0x10: (0x02, (0x04, 0x44, 0x00)),
    0x11: (0x18, None),
    0x12: (0x02, (0x07, 0x27, 0x07)),
    0x13: (0x02, (0x03, 0x11, 0x00)),
    **dict.fromkeys((0x06, 0x07, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0F, 0x14, 0xFFFF), (0x02, (0x0B, 0x29, 0x07))),
}


def result(
    status: int = 0, host: int = 0, driver: int = 0, sense: bytes = b"", resid: int = 0, data: bytes = b""
) -> SgIoResult:
    return SgIoResult(status, host, driver, sense, resid, data)


def name_of(number: int | None) -> str:
    return "unknown" if number is None else errno.errorcode[number]


def codes(sense: bytes) -> tuple[int, int, int] | None:
    assert len(sense) == 96
    parsed = Sense.parse(sense)
    return None if parsed is None else (parsed.key, parsed.asc, parsed.ascq)


@pytest.mark.parametrize(("number", "expected"), ERRNOS.items(), ids=map(name_of, ERRNOS))
def test_errno_becomes_status_and_sense(number: int | None, expected: Expected) -> None:
    outcome = outcome_of_errno(number)
    assert (outcome.status, codes(outcome.sense), outcome.data) == (*expected, b"")


@pytest.mark.parametrize(("host", "expected"), HOST_STATUSES.items(), ids=map(hex, HOST_STATUSES))
def test_host_status_becomes_status_and_sense_and_never_good(host: int, expected: Expected) -> None:
    outcome = outcome_of_result(result(host=host, data=b"stale"))
    assert (outcome.status, codes(outcome.sense), outcome.data) == (*expected, b"")


def test_unknown_host_status_leaves_the_devices_own_bad_news_alone() -> None:
    outcome = outcome_of_result(result(status=0x02, host=0x07, sense=UNIT_ATTENTION))
    assert (outcome.status, codes(outcome.sense)) == (0x02, (0x06, 0x2A, 0x03))


@pytest.mark.parametrize("driver", [0x02, 0x04, 0x05, 0x06, 0x07])
def test_driver_fault_is_busy(driver: int) -> None:
    assert outcome_of_result(result(driver=driver)).status == 0x08


@pytest.mark.parametrize("driver", [0x01, 0x08, 0x18])
def test_harmless_driver_status_leaves_the_devices_answer(driver: int) -> None:
    outcome = outcome_of_result(result(driver=driver, sense=UNIT_ATTENTION, data=b"ab"))
    assert (outcome.status, outcome.sense[:18], outcome.data) == (0x00, UNIT_ATTENTION, b"ab")


@pytest.mark.parametrize("status", [0x02, 0x04, 0x08, 0x18, 0x28, 0x30, 0x40, 0x7F])
def test_devices_status_is_passed_on_without_data(status: int) -> None:
    outcome = outcome_of_result(result(status, data=b"stale"))
    assert (outcome.status, outcome.sense, outcome.data) == (status, NO_SENSE, b"")


@pytest.mark.parametrize("sense", [UNIT_ATTENTION, IN_DESCRIPTOR_FORMAT, bytes(range(96))])
def test_devices_sense_is_passed_on_verbatim(sense: bytes) -> None:
    outcome = outcome_of_result(result(0x02, driver=0x08, sense=sense))
    assert outcome.sense == sense.ljust(96, b"\0")
