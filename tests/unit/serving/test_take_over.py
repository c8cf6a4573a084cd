"""Which commands are QEMU's, as it takes a reservation over after a migration."""

from __future__ import annotations

import pytest

from prhelper.scsi.reservation import Command, OutAction

from ...support.spc import reserve_out
from .hosts import (
    CONFLICT,
    DISK,
    GOOD,
    KEY,
    NEW_KEY,
    OTHER_DISK,
    PREEMPT,
    READ_KEYS,
    READ_RESERVATION,
    REGISTER,
    REPORT,
    Host,
    ended,
    out,
    remember,
)

pytestmark = pytest.mark.parametrize("host", [True, False], indirect=True, ids=["control socket", "none"])


@pytest.mark.parametrize("first", [READ_RESERVATION, READ_KEYS])
def test_a_take_over_after_a_migration_is_recognized(host: Host, first: Command) -> None:
    client = host.machine("a")
    news = [remember(client, command).took_over for command in (first, REGISTER, PREEMPT, REGISTER)]
    assert news == [None, None, KEY, None]


@pytest.mark.parametrize(
    "commands",
    [
        [REGISTER, PREEMPT],
        [READ_KEYS, PREEMPT],
        [REPORT, REGISTER, PREEMPT],
        [READ_KEYS, REGISTER, READ_KEYS, PREEMPT],
        [READ_KEYS, out(OutAction.REGISTER, KEY, KEY), PREEMPT],
        [READ_KEYS, REGISTER, out(OutAction.PREEMPT, KEY, NEW_KEY)],
        [READ_KEYS, REGISTER, out(OutAction.PREEMPT, NEW_KEY, NEW_KEY)],
        [READ_KEYS, out(OutAction.REGISTER, 0, 0), out(OutAction.PREEMPT, 0, 0)],
        [READ_KEYS, REGISTER, REGISTER, PREEMPT],
        [READ_KEYS, out(OutAction.RESERVE, 0, KEY), PREEMPT],
        [READ_KEYS, REGISTER, out(OutAction.REGISTER, KEY, KEY)],
        [READ_KEYS, REGISTER, Command(reserve_out(OutAction.PREEMPT), b"short")],
    ],
)
def test_other_commands_are_no_take_over(host: Host, commands: list[Command]) -> None:
    client = host.machine("a")
    assert [remember(client, command).took_over for command in commands] == [None] * len(commands)


@pytest.mark.parametrize("failed", range(3))
def test_a_take_over_that_failed_is_none(host: Host, failed: int) -> None:
    client = host.machine("a")
    for number, command in enumerate((READ_KEYS, REGISTER, PREEMPT)):
        result = ended(CONFLICT if number == failed else GOOD)
        assert remember(client, command, DISK, result).took_over is None


@pytest.mark.parametrize("where", range(3))
def test_commands_to_several_disks_are_no_take_over(host: Host, where: int) -> None:
    client = host.machine("a")
    for number, command in enumerate((READ_KEYS, REGISTER, PREEMPT)):
        device = OTHER_DISK if number == where else DISK
        assert remember(client, command, device).took_over is None
