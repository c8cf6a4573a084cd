"""Commands that the device does not answer: time limits, the helper's other clients, and stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.nexus import Nexus, Result
from tests.support.spc import APTPL, CHECK_CONDITION, GOOD, Out, sense_code

from .. import helper
from ..freezer import frozen
from ..initiators import generic, settle, through_helper
from ..trace import Trace

T = TypeVar("T")


class Background(threading.Thread):
    """Runs a call that will get stuck; `result` waits for what it returns."""

    def __init__(self, call: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._results: list[Result] = []
        self.start()

    def run(self) -> None:
        self._results.append(self._call())

    def result(self) -> Result:
        self.join(30)
        assert self._results, "still stuck, or ended by an error"
        return self._results[0]


def register_and_get_stuck(nexus: Nexus) -> Background:
    return Background(lambda: nexus.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA, flags=APTPL))


def test_slow_answer_within_the_time_limit_is_just_an_answer(nexuses: list[Nexus]) -> None:
    with frozen() as freezer, Trace() as trace:
        stuck = register_and_get_stuck(nexuses[0])
        trace.wait_for("start")
        freezer.thaw()
        assert stuck.result().status == GOOD
        assert trace.started() == 1


def test_command_beyond_the_time_limit_ends_in_command_timeout_and_the_helper_goes_on(
    devices: list[Path], tmp_path: Path
) -> None:
    # The block layer takes no limit below 7 s; the answer comes when the target lets go of the aborted command.
    with ExitStack() as stack:
        stack.enter_context(helper.running(tmp_path / "socket", *helper.option("--timeout", "1")))
        nexus = through_helper(devices[0], tmp_path / "socket", stack)
        freezer = stack.enter_context(frozen())
        trace = stack.enter_context(Trace())
        stuck = register_and_get_stuck(nexus)
        trace.wait_for("timeout")
        freezer.thaw()
        answer = stuck.result()
        assert answer.status == CHECK_CONDITION
        assert sense_code(answer.sense) == (0x0B, 0x2E, 0x02)
        assert trace.started() == 1
        settle(devices)
        assert nexus.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xB).status == GOOD
        assert nexus.keys() == [0xB]


def test_clients_of_other_devices_are_served_while_commands_are_stuck(
    devices: list[Path], scsi_debug: Path, helper_socket: Path
) -> None:
    with ExitStack() as stack:
        freezer = stack.enter_context(frozen())
        trace = stack.enter_context(Trace())
        stuck = [register_and_get_stuck(through_helper(devices[0], helper_socket, stack)) for _ in range(70)]
        trace.wait_for("start")
        other = through_helper(scsi_debug, helper_socket, stack)
        for _ in range(20):
            assert sense_code(other.read(0).sense) == (5, 0x20, 0)
        freezer.thaw()
        assert [each.result().status for each in stuck] == [GOOD] * len(stuck)


@pytest.mark.parametrize("node", ["sd", "sg"])
def test_terminate_lets_the_command_finish_once_and_answers_it(devices: list[Path], tmp_path: Path, node: str) -> None:
    device = devices[0] if node == "sd" else generic(devices[0])
    with ExitStack() as stack:
        process = stack.enter_context(helper.running(tmp_path / "socket"))
        nexus = through_helper(device, tmp_path / "socket", stack)
        freezer = stack.enter_context(frozen())
        trace = stack.enter_context(Trace())
        stuck = register_and_get_stuck(nexus)
        trace.wait_for("start")
        for _ in range(3):
            os.kill(process.pid, signal.SIGTERM)
        freezer.thaw()
        assert stuck.result().status == GOOD
        assert trace.started() == 1
        assert process.wait() == 0


def test_helper_with_a_stuck_command_goes_when_its_stop_limit_is_over(devices: list[Path], tmp_path: Path) -> None:
    with ExitStack() as stack:
        socket = tmp_path / "socket"
        options = helper.option("--stop-timeout", "1")
        process = stack.enter_context(helper.running(socket, *options, stderr=subprocess.PIPE))
        nexus = through_helper(devices[0], socket, stack)
        freezer = stack.enter_context(frozen())
        trace = stack.enter_context(Trace())
        Background(lambda: nexus.write(Out.REGISTER, new=0xA, flags=APTPL))
        trace.wait_for("start")
        process.terminate()
        assert process.stderr is not None
        lines = iter(process.stderr.readline, b"")
        for line in lines:
            print(line)
            if b"abandoned" in line:
                break
        freezer.thaw()  # only now can the kernel let the process go
        process.wait(30)
