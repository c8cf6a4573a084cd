"""PERSISTENT RESERVE OUT through the helper: every service action does what SPC-4 says, for all nodes to see."""

from __future__ import annotations

import pytest

from tests.support.nexus import Nexus
from tests.support.spc import CHECK_CONDITION, GOOD, Out, sense_code

from .scenarios import SCENARIOS, C, Step

Nexuses = list[Nexus]


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=list(SCENARIOS))
def test_each_step_gets_its_status_and_leaves_its_state(nexuses: Nexuses, direct: Nexuses, steps: list[Step]) -> None:
    for number, step in enumerate(steps, 1):
        answer = step.run(nexuses[step.node])
        after = f"after step {number}, {step.action.name}: {answer}"
        assert answer.status == step.status, after
        assert sorted(direct[C].keys()) == sorted(step.keys), after
        assert direct[C].reservation() == step.holder, after
        if step.sense is not None:
            assert sense_code(answer.sense) == step.sense, after
        if step.status != CHECK_CONDITION:
            assert answer.sense == bytes(96), after
        assert answer.payload == b"", after


def test_every_registration_counts_one_generation_and_a_reservation_none(nexuses: Nexuses) -> None:
    before = nexuses[0].generation()
    nexuses[0].write(Out.REGISTER, new=0xA)
    nexuses[1].write(Out.REGISTER, new=0xB)
    assert nexuses[0].generation() == before + 2
    nexuses[0].write(Out.RESERVE, key=0xA, kind=1)
    assert nexuses[0].generation() == before + 2


def test_registration_that_persists_through_power_loss_is_accepted(nexuses: Nexuses) -> None:
    assert nexuses[0].write(Out.REGISTER, new=0xA, flags=0x01).status == GOOD
    assert nexuses[0].write(Out.REGISTER, key=0xA, flags=0x01).status == GOOD


def test_parameter_list_of_the_wrong_length_is_the_units_to_reject(nexuses: Nexuses, direct: Nexuses) -> None:
    ours, kernels = (each[0].write_raw(Out.REGISTER, 0, bytes(20)) for each in (nexuses, direct))
    assert ours.status == kernels.status == CHECK_CONDITION
    assert ours.sense == kernels.sense.ljust(96, b"\0")
