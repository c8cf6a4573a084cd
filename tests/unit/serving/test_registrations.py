"""Registrations on a unit follow the commands, whether one looks after each or only in the end."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prhelper.device.identity import DeviceId
from prhelper.device.unit import Unit
from prhelper.scsi.reservation import Command, OutAction
from prhelper.serving import seen
from prhelper.serving.registrations import Registration, Registrations

from ...support.spc import reserve_out
from .hosts import CONFLICT, DISK, GOOD, KEY, NEW_KEY, READ_KEYS, Host, ended, keys_of, out, register, remember

HERE, THERE = frozenset({"2:0:0:0"}), frozenset({"3:0:0:0"})
BOTH = HERE | THERE
ACTIONS = (
    OutAction.REGISTER,
    OutAction.REGISTER,
    OutAction.REGISTER_AND_IGNORE_EXISTING_KEY,
    OutAction.CLEAR,
    OutAction.PREEMPT,
)

commands = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ACTIONS), st.integers(0, 2), st.sampled_from([HERE, HERE, THERE])),
    max_size=16,
)


def in_words(registrations: list[Registration]) -> list[tuple[int, int, frozenset[str]]]:
    return [(one.client, one.key, one.addresses) for one in registrations]


def by_one(*steps: tuple[int, int]) -> list[tuple[int, OutAction, int, frozenset[str]]]:
    """REGISTER by machines and with keys, all by one nexus."""
    return [(machine, OutAction.REGISTER, key, HERE) for machine, key in steps]


@given(story=commands, warns=st.booleans())
@example(story=[*by_one((0, 1), (0, 2)), (0, OutAction.PREEMPT, 0, HERE)], warns=True)
@example(story=by_one((0, 1), (2, 2), (2, 0), (2, 1)), warns=False)
@example(story=by_one((0, 1), (2, 2), (0, 0), (2, 1), (2, 0), (2, 1)), warns=True)
def test_who_is_registered_does_not_depend_on_when_one_looks(
    story: list[tuple[int, OutAction, int, frozenset[str]]], warns: bool
) -> None:
    host = Host()
    machines = [host.machine("a"), host.machine("a", 2), host.machine(None, 3)]
    looked_at, left_alone = Registrations(), Registrations()
    for number, action, key, addresses in story:
        command = machines[number].end(out(action, 0, key), DISK, ended())
        others = looked_at.change(command, frozenset([*addresses]))  # the device was looked up again
        assert list(left_alone.change(command, addresses)) == list(others)
        if others and warns:
            looked_at.warned = left_alone.warned = True
        looked_at.by(BOTH)
    assert in_words(left_alone.by(BOTH)) == in_words(looked_at.by(BOTH))
    assert left_alone.warned == looked_at.warned


def test_a_machine_that_registers_again_and_again_has_its_last_key_and_is_found_by_the_next() -> None:
    host = Host()
    first, second = host.machine("a"), host.machine("b", 2)
    registrations = Registrations()
    for key in (1, 2, 3):
        assert not registrations.change(first.end(out(OutAction.REGISTER, 0, key), DISK, ended()), HERE)
    (other,) = registrations.change(second.end(out(OutAction.REGISTER, 0, 9), DISK, ended()), HERE)
    assert other.key == 3


def test_a_machine_that_unregisters_after_many_registrations_is_not_found_by_the_next() -> None:
    host = Host()
    first, second = host.machine("a"), host.machine("b", 2)
    registrations = Registrations()
    for key in (1, 2, 0):
        registrations.change(first.end(out(OutAction.REGISTER, 0, key), DISK, ended()), HERE)
    assert not registrations.change(second.end(out(OutAction.REGISTER, 0, 9), DISK, ended()), HERE)
    assert [one.key for one in registrations.by(BOTH)] == [9]


@pytest.mark.parametrize(("former", "kept"), [(HERE, [9]), (THERE, [1, 9]), (BOTH, [1, 9])])
def test_a_former_machine_is_forgotten_unless_it_has_a_nexus_that_the_next_has_not(
    former: frozenset[str], kept: list[int]
) -> None:
    host = Host()
    first, second = host.machine("a"), host.machine("b", 2)
    registrations = Registrations()
    registrations.change(first.end(out(OutAction.REGISTER, 0, 1), DISK, ended()), former)
    registrations.change(second.end(out(OutAction.REGISTER, 0, 9), DISK, ended()), HERE)
    registrations.replaced([one for one in registrations.by(BOTH) if one.client == first.number])
    assert [one.key for one in registrations.by(BOTH)] == kept


@pytest.mark.parametrize(
    ("commands", "left"),
    [
        ([out(OutAction.REGISTER, 0, KEY)], [KEY]),
        ([out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, KEY)], [KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.REGISTER, KEY, NEW_KEY)], [NEW_KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.REGISTER, KEY, 0)], []),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.CLEAR, KEY)], []),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.RESERVE, KEY)], [KEY]),
        ([out(OutAction.REGISTER, 0, KEY), out(OutAction.PREEMPT, KEY, KEY)], [KEY]),
        ([Command(reserve_out(OutAction.REGISTER), b"short")], []),
    ],
)
def test_registrations_follow_the_commands(host: Host, commands: list[Command], left: list[int]) -> None:
    client = host.machine("a")
    for command in commands:
        remember(client, command, DISK, ended())
    assert keys_of(host) == left


@pytest.mark.parametrize("action", [OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT])
def test_a_preempted_machine_is_registered_no_more(host: Host, action: OutAction) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first, KEY)
    register(second, NEW_KEY)
    remember(second, out(action, NEW_KEY, KEY), DISK, ended())
    assert keys_of(host) == [NEW_KEY]


@pytest.mark.parametrize("action", [OutAction.PREEMPT, OutAction.RESERVE])
def test_registrations_with_other_keys_stay_and_commands_without_effect_have_none(
    host: Host, action: OutAction
) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first, KEY)
    register(second, NEW_KEY)
    remember(first, out(action, KEY, KEY if action == OutAction.PREEMPT else NEW_KEY), DISK, ended())
    assert keys_of(host) == [KEY, NEW_KEY]


def test_a_registration_that_failed_changes_nothing(host: Host) -> None:
    client = host.machine("a")
    register(client)
    register(client, NEW_KEY, result=ended(CONFLICT))
    assert keys_of(host) == [KEY]


def test_the_unit_is_asked_for_only_by_what_changes_registrations(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = host.machine("a"), host.machine("b", 2)
    register(first)
    monkeypatch.setattr(seen, "UNIT_LASTS", 0.0)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(DeviceId, "unit", lambda _: Unit("elsewhere", HERE))  # as where sysfs cannot be read
        for action in (OutAction.RESERVE, OutAction.RELEASE):
            remember(first, out(action, KEY))
    assert [one.key for one in register(second, NEW_KEY).shares_with] == [KEY]


def test_where_nobody_can_ask_registrations_are_followed_but_nothing_is_counted() -> None:
    host = Host(can_be_asked=False)
    client = host.machine("a")
    register(client)
    remember(client, READ_KEYS)
    register(client, NEW_KEY)
    ((_, device),) = host.seen.all()
    assert keys_of(host) == [NEW_KEY]
    assert device.outcomes == {GOOD: 1}  # of the first, which made the device known
