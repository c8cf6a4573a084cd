"""Registrations on a unit are the same whether they are looked at after each command or only in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prhelper.scsi.reservation import OutAction
from prhelper.serving.registrations import Registration, Registrations

from .hosts import DISK, Host, ended, out

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
    max_size=12,
)


def in_words(registrations: list[Registration]) -> list[tuple[int, int, frozenset[str]]]:
    return [(one.client, one.key, one.addresses) for one in registrations]


@given(commands)
def test_who_is_registered_does_not_depend_on_when_one_looks(
    story: list[tuple[int, OutAction, int, frozenset[str]]],
) -> None:
    host = Host()
    machines = [host.machine("a"), host.machine("a", 2), host.machine(None, 3)]
    looked_at, left_alone = Registrations(), Registrations()
    for number, action, key, addresses in story:
        command = machines[number].end(out(action, 0, key), DISK, ended())
        others = looked_at.change(command, addresses)
        assert list(left_alone.change(command, addresses)) == list(others)
        looked_at.by(BOTH)
    assert in_words(left_alone.by(BOTH)) == in_words(looked_at.by(BOTH))


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
