"""Where ours is meant to answer better than the C helper: each difference is a row, and both halves of it are checked.

A row that the C helper no longer fails is a row to remove. Where its own versions differ, each must give its own
answer: seen with 7.2, 10.0 and 11.1 (PRHELPER_SUITE=bookworm, trixie, forky), in between as QEMU's history has it.
"""

import errno
import os
from pathlib import Path

import pytest

from ...support.fake_device import HEALTHY, MOST_DATA, PATTERN, Answer
from ...support.spc import (
    CHECK_CONDITION,
    GOOD,
    INTERNAL_TARGET_FAILURE,
    INVALID_OPCODE,
    IO_TERMINATED,
    NEXUS_LOSS,
    REGISTRATIONS_PREEMPTED,
    Codes,
    In,
    fixed_sense,
    keys,
    reserve_in,
    reserve_out,
)
from .pair import Pair, Side, opened
from .test_status_table import FROM_HOST_STATUS, response
from .version import programs

HUNG_UP = b""

HARDWARE_ERROR_SINCE = (10, 1)
O_PATH_HUNG_UP_SINCE = (10, 2)

UNKNOWN_HOST_STATUSES = (0x06, 0x07, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0F, 0x14, 0xFF)

DEVICE_SENSE = bytes(range(0x70, 0x70 + 96))


def one_command(side: Side) -> bytes:
    with opened(HEALTHY, os.O_RDWR) as fd:
        return side.command(fd, reserve_in(0, 64))


@pytest.mark.parametrize("host_status", [host for host, (_, codes) in FROM_HOST_STATUS.items() if codes], ids=hex)
def test_zeros_follow_the_sense_made_for_a_command_that_failed_on_the_way(pair: Pair, host_status: int) -> None:
    pair.set(Answer(host_status=host_status, status=CHECK_CONDITION, sense=DEVICE_SENSE))
    made_here = response(*FROM_HOST_STATUS[host_status])
    assert one_command(pair.theirs) == made_here[: 8 + 18] + DEVICE_SENSE[18:]
    assert one_command(pair.ours) == made_here


@pytest.mark.parametrize("host_status", UNKNOWN_HOST_STATUSES, ids=hex)
def test_a_host_status_that_has_no_meaning_here_is_no_success(pair: Pair, host_status: int) -> None:
    pair.set(Answer(host_status=host_status))
    assert one_command(pair.theirs) == response(GOOD, None, PATTERN[:64])
    assert one_command(pair.ours) == response(CHECK_CONDITION, NEXUS_LOSS)


def test_a_host_status_that_has_no_meaning_here_does_not_hide_what_the_device_says(pair: Pair) -> None:
    pair.set(Answer(host_status=0x07, status=CHECK_CONDITION, sense=DEVICE_SENSE))
    assert one_command(pair.theirs) == response(GOOD, None, PATTERN[:64])[:8] + DEVICE_SENSE + PATTERN[:64]
    assert one_command(pair.ours) == response(CHECK_CONDITION, None)[:8] + DEVICE_SENSE


def test_zeros_follow_the_sense_made_for_a_read_only_descriptor(pair: Pair) -> None:
    with opened(HEALTHY, os.O_RDONLY) as fd:
        theirs, ours = pair.commands(fd, reserve_out(0), keys(1, 2))
    assert theirs[: 8 + 18] == ours[: 8 + 18]
    assert ours == response(CHECK_CONDITION, INVALID_OPCODE)


def test_the_device_gets_a_minute_and_not_a_millisecond(pair: Pair) -> None:
    for side, milliseconds in ((pair.theirs, 1), (pair.ours, 60_000)):
        one_command(side)
        assert side.device.last.timeout == milliseconds


@pytest.mark.parametrize(("action", "length"), [(In.READ_RESERVATION, 24), (In.READ_KEYS, 136)])
def test_what_qemu_11_reads_of_its_own_accord_is_asked_again_after_a_unit_attention(
    pair: Pair, action: In, length: int
) -> None:
    pair.set(Answer(status=CHECK_CONDITION, sense=fixed_sense(REGISTRATIONS_PREEMPTED)))
    before = [side.device.commands for side in (pair.theirs, pair.ours)]
    with opened(HEALTHY, os.O_RDWR) as fd:
        theirs, ours = pair.commands(fd, reserve_in(action, length))
    assert ours == theirs  # it has no end here
    assert [side.device.commands for side in (pair.theirs, pair.ours)] == [before[0] + 1, before[1] + 6]


@pytest.mark.parametrize("resid", [-1, -MOST_DATA, -(2**31), MOST_DATA + 1, 2**31 - 1])
def test_an_impossible_resid_never_makes_more_data_than_there_is(pair: Pair, resid: int) -> None:
    # The C helper would abort: ours alone.
    pair.ours.device.set(Answer(resid=resid))
    got = one_command(pair.ours)
    assert got == response(GOOD, None, PATTERN[:64] if resid < 0 else b"")


def test_a_device_that_is_gone_is_a_hardware_error_as_in_version_11_1(pair: Pair) -> None:
    pair.set(Answer(error=errno.ENODEV))
    before, since = response(CHECK_CONDITION, IO_TERMINATED), response(CHECK_CONDITION, INTERNAL_TARGET_FAILURE)
    assert one_command(pair.theirs) == (since if programs().version >= HARDWARE_ERROR_SINCE else before)
    assert one_command(pair.ours) == since


@pytest.mark.parametrize(
    ("cdb", "parameter_list", "codes"),
    [(reserve_in(0, 64), b"", IO_TERMINATED), (reserve_out(0), keys(1, 2), INVALID_OPCODE)],
    ids=["in", "out"],
)
def test_an_o_path_descriptor_is_answered_where_version_11_1_hangs_up(
    pair: Pair, cdb: bytes, parameter_list: bytes, codes: Codes
) -> None:
    pair.set(Answer(error=errno.EBADF))  # as the kernel says
    answered = response(CHECK_CONDITION, codes)
    with opened(Path("/dev/null"), os.O_PATH) as fd:
        theirs, ours = pair.commands(fd, cdb, parameter_list)
    assert theirs[: 8 + 18] == (HUNG_UP if programs().version >= O_PATH_HUNG_UP_SINCE else answered[: 8 + 18])
    assert ours == answered
