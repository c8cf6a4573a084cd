"""What clients do while it is not decided which of two processes serves them: they get what they get without that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.fake_device import PATTERN
from ...support.helper import wait_until
from ...support.hold import Hold
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from ...support.varlink import Varlink
from .conftest import Replaced

OUT = reserve_out(0) + keys(1, 2)


@pytest.fixture
def hold(hold_library: Path, fake_device_library: Path, tmp_path: Path) -> Hold:
    return Hold(hold_library, tmp_path, fake_device_library)


@contextlib.contextmanager
def undecided(replaced: Replaced, hold: Hold, is_killed: bool) -> Iterator[None]:
    """Inside, both processes have all clients, and neither reads from them; after it, one of the two serves."""
    with hold.next("sendmsg"):
        replaced.starts.launch(env=replaced.device.env | hold.env)
        hold.wait("sendmsg")  # that it is ready
        hold.next_but_one("sendmsg")
        hold.wait("sendmsg")  # that it has taken the place
        yield
        if is_killed:
            replaced.starts.process.kill()
            replaced.starts.wait_for_log("serving on", 0)
    if is_killed:
        replaced.starts.processes.reverse()
    else:
        replaced.starts.wait_for_log("listening on")


@pytest.mark.parametrize("is_killed", [False, True], ids=["the new one takes over", "the new one is killed"])
def test_clients_may_pipeline_trickle_hang_up_and_break_the_protocol(
    replaced: Replaced, hold: Hold, is_killed: bool
) -> None:
    replaced.starts.start("--request-timeout", "4")
    pipelining, trickling, leaving, breaking, late = (replaced.connect() for _ in range(5))
    for client in (trickling, leaving):
        client.send(OUT[:3], [replaced.healthy])
    replaced.check_served(late)
    before = replaced.device.commands
    with undecided(replaced, hold, is_killed):
        for size in range(8, 24):
            pipelining.send(reserve_in(0, size), [replaced.healthy])
        for byte in OUT[3:-1]:
            trickling.send(bytes([byte]))
        leaving.send(OUT[3:10], [replaced.healthy, replaced.healthy])
        leaving.close()
        breaking.send(b"\xff" * 16, [replaced.healthy])
        new = replaced.connect(negotiate=False)
        assert replaced.device.commands == before
    for size in range(8, 24):
        reply = pipelining.reply()
        assert (reply.status, reply.payload) == (GOOD, PATTERN[:size])
    trickling.send(OUT[-1:])
    assert trickling.reply().status == GOOD
    assert replaced.device.last.parameter_list == OUT[16:]
    assert breaking.hung_up()
    assert new.receive(4) == bytes(4)
    new.send(bytes(4))
    for client in (pipelining, trickling, late, new):
        replaced.check_served(client)
    assert replaced.device.commands == before + 16 + 1 + 4
    with Varlink(replaced.starts.control) as control:
        wait_until(lambda: len(control.call("GetClients")["clients"]) == 4, what="four clients to be left")


def test_whoever_calls_itself_another_start_and_says_nothing_holds_up_nobody(replaced: Replaced) -> None:
    replaced.starts.start()
    silent = [replaced.pretend() for _ in range(20)]
    replaced.check_served(replaced.connect())
    assert sum(b"about to take its place already" in each.recv(4096) for each in silent) == len(silent) - 1
    for each in silent:
        each.close()
    replaced.starts.wait_for_log("serving on", 0)
    replaced.starts.start()
    replaced.check_served(replaced.clients[0])
