"""What sg_persist of sg3_utils does straight at the device, the helper does as well: same statuses, same state."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.nexus import Nexus, Result
from tests.support.spc import CHECK_CONDITION, CONFLICT, GOOD, Out, sense_code

from .. import lio
from ..initiators import forget_everything
from .scenarios import SCENARIOS, C, Step

OPTION = {
    Out.REGISTER: "--register",
    Out.RESERVE: "--reserve",
    Out.RELEASE: "--release",
    Out.CLEAR: "--clear",
    Out.PREEMPT: "--preempt",
    Out.PREEMPT_AND_ABORT: "--preempt-abort",
    Out.REGISTER_AND_IGNORE_EXISTING_KEY: "--register-ignore",
    Out.REGISTER_AND_MOVE: "--register-move",
    Out.REPLACE_LOST_RESERVATION: "--replace-lost",
}


def sg_persist(device: Path, step: Step) -> int:
    """Run the step's command; return the exit status."""
    command = ["sg_persist", "--no-inquiry", "--out", OPTION[step.action], f"--prout-type={step.kind:x}"]
    command += [f"--param-rk={step.key:x}", f"--param-sark={step.new:x}"]
    if step.move_to is not None:
        command += [f"--relative-target-port={step.move_to + 1}"]
        command += [f"--transport-id=sas,{lio.initiator(step.move_to)}"]
    done = subprocess.run([*command, str(device)], capture_output=True, text=True)
    print(done.args, done.returncode, done.stdout, done.stderr)
    return done.returncode


def exit_status(answer: Result) -> int:
    """The exit status by which sg3_utils would tell of an answer: the sense key, mostly."""
    if answer.status == CHECK_CONDITION:
        return sense_code(answer.sense)[0]
    return {GOOD: 0, CONFLICT: 24}[answer.status]


State = tuple[int, list[int], object, list[object]]


def state(onlooker: Nexus, generation: int) -> State:
    """All that there is to see: generation since the start, keys, reservation, full status."""
    keys, registrants = sorted(onlooker.keys()), sorted(onlooker.registrants(), key=str)
    return onlooker.generation() - generation, keys, onlooker.reservation(), [*registrants]


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=list(SCENARIOS))
def test_the_helper_leaves_what_sg_persist_leaves(
    devices: list[Path], direct: list[Nexus], nexuses: list[Nexus], steps: list[Step]
) -> None:
    start = direct[C].generation()
    ours = [(exit_status(step.run(nexuses[step.node])), state(direct[C], start)) for step in steps]
    forget_everything(devices)
    start = direct[C].generation()
    theirs = [(sg_persist(devices[step.node], step), state(direct[C], start)) for step in steps]
    assert ours == theirs
