"""Either side of a replacement is killed at a step of it: the other serves, and no client is served twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.hold import Hold
from ...support.spc import GOOD, reserve_in
from .conftest import THOROUGH, Replaced

IF_THOROUGH = pytest.mark.skipif(not THOROUGH, reason="takes seconds: set PRHELPER_THOROUGH")
MANY = 300  # more than fit into one message


class Step:
    """A start whose calls can be held up."""

    def __init__(self, replaced: Replaced, library: Path, fake_device_library: Path, directory: Path) -> None:
        self.hold = Hold(library, directory, fake_device_library)
        self.env = replaced.device.env | self.hold.env


@pytest.fixture
def step(replaced: Replaced, hold_library: Path, fake_device_library: Path, tmp_path: Path) -> Step:
    return Step(replaced, hold_library, fake_device_library, tmp_path)


def kill(replaced: Replaced, number: int) -> None:
    replaced.starts.processes[number].kill()
    replaced.starts.processes[number].wait()


# The messages of the old one: the offer, the clients in two, the counts, and that this is all.
LEFT = {2: range(1), 3: range(1, MANY), 4: range(MANY, MANY + 1)}


@pytest.mark.parametrize("message", LEFT if THOROUGH else [3])
def test_old_one_is_killed_before_a_message_and_what_the_new_one_has_goes_on(
    replaced: Replaced, step: Step, message: int
) -> None:
    replaced.starts.start(env=step.env)
    clients = [replaced.connect() for _ in range(MANY)]
    with step.hold.next("sendmsg"):
        replaced.starts.launch()
        step.hold.wait("sendmsg")
        for _ in range(message - 1):
            step.hold.next_but_one("sendmsg")
            step.hold.wait("sendmsg")
        kill(replaced, 0)
    replaced.starts.wait_for_log("listening on")
    served = replaced.served(clients)
    assert len(served) in LEFT[message]
    replaced.check_served(replaced.connect())
    assert int(replaced.starts.pidfile.read_text()) == replaced.starts.process.pid
    replaced.starts.stop()
    assert not replaced.path.exists()


@IF_THOROUGH
def test_old_one_is_killed_when_it_is_asked_and_the_next_start_serves(replaced: Replaced, step: Step) -> None:
    replaced.starts.start(env=step.env)
    with step.hold.next("sendmsg"):
        replaced.starts.launch()
        step.hold.wait("sendmsg")
        kill(replaced, 0)
    assert replaced.starts.has_ended(1) == 1
    replaced.starts.start()
    replaced.check_served(replaced.connect())


# The messages of the new one: that it is ready, and that it has taken the place. Of the old one it takes more.
STEPS = [("sendmsg", 2), ("sendmsg", 1), ("recvmsg_many", 1), ("recvmsg_many", 3)]


@pytest.mark.parametrize(("call", "number"), STEPS if THOROUGH else STEPS[:1])
def test_new_one_is_killed_before_it_has_taken_the_place_and_nothing_has_happened(
    replaced: Replaced, step: Step, call: str, number: int
) -> None:
    replaced.starts.start()
    clients = [replaced.connect() for _ in range(MANY)]
    clients[0].send(reserve_in(0)[:5], [replaced.healthy])
    replaced.check_served(clients[1])
    with step.hold.next(call):
        replaced.starts.launch(env=step.env)
        step.hold.wait(call)
        for _ in range(number - 1):
            step.hold.next_but_one(call)
            step.hold.wait(call)
        kill(replaced, 1)
    replaced.starts.wait_for_log("serving on", 0)
    clients[0].send(reserve_in(0)[5:])
    assert clients[0].reply().status == GOOD
    assert replaced.served(clients) == clients
    assert int(replaced.starts.pidfile.read_text()) == replaced.starts.processes[0].pid
    replaced.starts.start()
    assert replaced.served(clients) == clients
    assert replaced.starts.has_ended(0) == 0


@IF_THOROUGH
def test_new_one_that_stands_still_before_it_has_taken_the_place_comes_too_late(replaced: Replaced, step: Step) -> None:
    replaced.starts.start()
    client = replaced.connect()
    with step.hold.next("sendmsg"):
        replaced.starts.launch(env=step.env)
        step.hold.wait("sendmsg")
        step.hold.next_but_one("sendmsg")
        step.hold.wait("sendmsg")
        replaced.starts.wait_for_log("serving on", 0)
    assert replaced.starts.has_ended(1) == 1
    assert "cannot be replaced now: it took too long" in replaced.starts.output()
    assert replaced.served([client]) == [client]
    replaced.starts.processes.append(replaced.starts.processes[0])


def replaced_with_a_stuck_command(replaced: Replaced) -> tuple[Client, Client]:
    """Start two, the second in place of the first: a client that followed, and one whose command is stuck there."""
    replaced.starts.start()
    client, stuck = replaced.connect(), replaced.connect()
    replaced.device.hold()
    stuck.send(reserve_in(0), [replaced.hanging])
    replaced.wait_for_hanging(1)
    replaced.starts.start()
    return client, stuck


def test_old_one_is_killed_with_its_stuck_command_and_costs_that_client_alone(replaced: Replaced) -> None:
    client, stuck = replaced_with_a_stuck_command(replaced)
    kill(replaced, 0)
    assert stuck.hung_up()
    assert replaced.served([client]) == [client]


def test_new_one_is_killed_and_the_stuck_command_is_answered_all_the_same(replaced: Replaced) -> None:
    client, stuck = replaced_with_a_stuck_command(replaced)
    kill(replaced, 1)
    assert client.hung_up()
    replaced.starts.start()
    replaced.device.release()
    assert stuck.reply().status == GOOD
    assert replaced.served([stuck]) == [stuck]
    replaced.starts.wait_for_log("is still served here", 0)
    stuck.close()
    assert replaced.starts.has_ended(0) == 0


def test_stuck_command_is_answered_and_its_client_hung_up_on_if_the_new_one_was_stopped(replaced: Replaced) -> None:
    replaced.starts.start()
    stuck = replaced.connect()
    replaced.device.hold()
    stuck.send(reserve_in(0), [replaced.hanging])
    replaced.wait_for_hanging(1)
    replaced.starts.start()
    replaced.starts.stop()
    replaced.device.release()
    assert stuck.reply().status == GOOD
    assert stuck.hung_up()
    assert replaced.starts.has_ended(0) == 0


def test_old_one_that_is_stopped_meanwhile_is_stopped_and_the_new_one_says_so(replaced: Replaced, step: Step) -> None:
    replaced.starts.start()
    with step.hold.next("sendmsg"):
        replaced.starts.launch(env=step.env)
        step.hold.wait("sendmsg")
        replaced.starts.processes[0].send_signal(signal.SIGTERM)
        assert replaced.starts.has_ended(0) == 0
    assert replaced.starts.has_ended(1) == 1
    assert "cannot be replaced now: it was told to stop" in replaced.starts.output()
    assert not replaced.path.exists()


def test_new_one_that_is_stopped_before_it_has_taken_the_place_leaves_all_as_it_was(
    replaced: Replaced, step: Step
) -> None:
    replaced.starts.start(env=step.env)
    client = replaced.connect()
    with step.hold.next("sendmsg"):
        replaced.starts.launch()
        step.hold.wait("sendmsg")  # the offer
        step.hold.next_but_one("sendmsg")
        step.hold.wait("sendmsg")  # the clients, since the new one is ready
        replaced.starts.process.terminate()
        assert replaced.starts.has_ended(1) == 1
    replaced.starts.wait_for_log("serving on", 0)
    assert "stopped by SIGTERM before it took over" in replaced.starts.output()
    assert replaced.served([client]) == [client]
    assert int(replaced.starts.pidfile.read_text()) == replaced.starts.processes[0].pid
