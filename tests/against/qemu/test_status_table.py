"""What each answer of SG_IO becomes on the wire: every row for IN and for OUT, from both helpers.

The rows are what the C helper answers; the few where ours is better are in test_betterments.py.
"""

import errno
import os
from collections.abc import Mapping

import pytest

from ...support.fake_device import HEALTHY, MOST_DATA, PATTERN, Answer
from ...support.spc import (
    BUSY,
    CHECK_CONDITION,
    CONFLICT,
    GOOD,
    TASK_SET_FULL,
    Codes,
    fixed_sense,
    keys,
    reserve_in,
    reserve_out,
)
from .pair import Pair, opened

FROM_ERRNO: Mapping[int, tuple[int, Codes | None]] = {
    errno.EDOM: (TASK_SET_FULL, None),
    errno.EBADE: (CONFLICT, None),
    errno.ENOMEM: (CHECK_CONDITION, (0x04, 0x44, 0x00)),
    errno.EREMOTEIO: (CHECK_CONDITION, (0x04, 0x44, 0x00)),
    errno.EINVAL: (CHECK_CONDITION, (0x05, 0x24, 0x00)),
    errno.ENODATA: (CHECK_CONDITION, (0x03, 0x11, 0x00)),
    errno.ENOMEDIUM: (CHECK_CONDITION, (0x02, 0x3A, 0x00)),
    errno.ENOSPC: (CHECK_CONDITION, (0x07, 0x27, 0x07)),
    **dict.fromkeys(
        (errno.EPERM, errno.EIO, errno.ENOTTY, errno.EBUSY, errno.ETIMEDOUT, errno.ENXIO, errno.EACCES, errno.EINTR),
        (CHECK_CONDITION, (0x0B, 0x00, 0x06)),
    ),
}

FROM_HOST_STATUS: Mapping[int, tuple[int, Codes | None]] = {
    0x01: (CHECK_CONDITION, (0x0B, 0x05, 0x00)),
    0x02: (BUSY, None),
    0x03: (CHECK_CONDITION, (0x0B, 0x2E, 0x02)),
    0x04: (CHECK_CONDITION, (0x0B, 0x08, 0x00)),
    0x05: (CHECK_CONDITION, (0x0B, 0x2F, 0x02)),
    0x08: (CHECK_CONDITION, (0x06, 0x29, 0x00)),
    0x0E: (CHECK_CONDITION, (0x0B, 0x29, 0x07)),
    0x10: (CHECK_CONDITION, (0x04, 0x44, 0x00)),
    0x11: (CONFLICT, None),
    0x12: (CHECK_CONDITION, (0x07, 0x27, 0x07)),
    0x13: (CHECK_CONDITION, (0x03, 0x11, 0x00)),
}

FIXED_SENSE = bytes.fromhex("70000600000000180000000029000000000000") + bytes(range(13))
DESCRIPTOR_SENSE = bytes.fromhex("720b2e0200000010") + bytes(range(16))
LONGEST_SENSE = bytes(range(0x70, 0x70 + 96))

PASSED_ON = {
    "GOOD": (Answer(), GOOD),
    "GOOD, half of the data": (Answer(resid=MOST_DATA - 300), GOOD),
    "GOOD, no data": (Answer(resid=MOST_DATA), GOOD),
    "CHECK CONDITION, fixed sense": (Answer(status=CHECK_CONDITION, sense=FIXED_SENSE), CHECK_CONDITION),
    "CHECK CONDITION, fixed sense, driver says so": (
        Answer(status=CHECK_CONDITION, driver_status=8, sense=FIXED_SENSE),
        CHECK_CONDITION,
    ),
    "CHECK CONDITION, descriptor sense": (Answer(status=CHECK_CONDITION, sense=DESCRIPTOR_SENSE), CHECK_CONDITION),
    "BUS_BUSY, and sense": (Answer(host_status=0x02, status=CHECK_CONDITION, sense=FIXED_SENSE), BUSY),
    "NEXUS_FAILURE, and sense": (Answer(host_status=0x11, status=CONFLICT, sense=FIXED_SENSE), CONFLICT),
    "CHECK CONDITION, longest sense": (Answer(status=CHECK_CONDITION, sense=LONGEST_SENSE), CHECK_CONDITION),
    "CHECK CONDITION, no sense": (Answer(status=CHECK_CONDITION), CHECK_CONDITION),
    **{
        f"driver status {driver:#x} with sense": (Answer(driver_status=driver, sense=FIXED_SENSE), GOOD)
        for driver in (1, 8, 0x18)
    },
    **{f"driver status {driver:#x}": (Answer(driver_status=driver), BUSY) for driver in (2, 4, 5, 6, 7)},
    **{f"status {status:#x}": (Answer(status=status), status) for status in (0x04, 0x08, 0x18, 0x28, 0x30, 0x40)},
}


def both_answer(pair: Pair, answer: Answer, direction: str) -> bytes:
    """Send one command to both helpers; they must answer alike, and this is what."""
    pair.set(answer)
    with opened(HEALTHY, os.O_RDWR) as fd:
        if direction == "in":
            theirs, ours = pair.commands(fd, reserve_in(0, 400))
        else:
            theirs, ours = pair.commands(fd, reserve_out(0), keys(1, 2))
    assert ours == theirs
    return ours


def response(status: int, codes: Codes | None, payload: bytes = b"") -> bytes:
    sense = (b"" if codes is None else fixed_sense(codes)).ljust(96, b"\0")
    return status.to_bytes(4) + len(payload).to_bytes(4) + sense + payload


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("number", FROM_ERRNO, ids=lambda number: errno.errorcode[number])
def test_an_errno_becomes_status_and_sense(pair: Pair, number: int, direction: str) -> None:
    assert both_answer(pair, Answer(error=number), direction) == response(*FROM_ERRNO[number])


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("host_status", FROM_HOST_STATUS, ids=hex)
def test_a_host_status_becomes_status_and_sense_whatever_else_the_result_says(
    pair: Pair, host_status: int, direction: str
) -> None:
    expected = response(*FROM_HOST_STATUS[host_status])
    assert both_answer(pair, Answer(host_status=host_status), direction) == expected
    assert both_answer(pair, Answer(host_status=host_status, driver_status=2, status=0x40), direction) == expected


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("name", PASSED_ON)
def test_what_the_device_says_is_passed_on(pair: Pair, name: str, direction: str) -> None:
    answer, status = PASSED_ON[name]
    got = both_answer(pair, answer, direction)
    payload = PATTERN[: min(400, MOST_DATA - answer.resid)] if direction == "in" and status == GOOD else b""
    assert got == status.to_bytes(4) + len(payload).to_bytes(4) + answer.sense.ljust(96, b"\0") + payload
