"""The one message that decides: whoever is too slow, both sides know the same in the end."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from prhelper.handover import mailbox, offer
from prhelper.handover.message import HandoverError
from prhelper.handover.offer import RefusedError
from prhelper.replacing.latecomers import Latecomers
from prhelper.replacing.successor import Successor
from prhelper.replacing.taking import Taking
from prhelper.restart import Emulated

from ...support.spc import GOOD, reserve_in
from ..serving.running import Ends, Running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prhelper.replacing.successor._PATIENCE", 0.2)


async def commit(taking: Taking) -> bool:
    """Whether the new one comes to serve."""
    try:
        await taking.commit()
    except RefusedError:
        return False
    return True


def hand_over(running: Running, end: socket.socket, emulated: Emulated | None = None) -> bool:
    async def all_of_it() -> bool:
        server = running.server
        return await Successor(end, 1).hand_over(server, emulated, Latecomers(server))

    running.stop_accepting()
    return running.portal.call(all_of_it)


def test_taken_in_time_counts(running: Running, ends: Ends) -> None:
    mailbox.put(ends[1], offer.TAKEN, [])
    assert hand_over(running, ends[0])


@pytest.mark.usefixtures("impatient")
def test_taken_at_the_last_moment_counts(running: Running, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = Successor.refuse

    def refuse_too_late(self: Successor, reason: str) -> None:
        assert mailbox.put(ends[1], offer.TAKEN, [])
        refuse(self, reason)

    monkeypatch.setattr(Successor, "refuse", refuse_too_late)
    assert hand_over(running, ends[0])


@pytest.mark.usefixtures("impatient")
def test_taken_too_late_counts_on_neither_side(running: Running, ends: Ends) -> None:
    with running.connect() as client:
        running.ask(client)
        assert not hand_over(running, ends[0])
        taking = Taking(ends[1])
        assert not anyio.run(commit, taking)
        assert running.ask(client)


class Busy:
    """Emulated units of which one is in use."""

    def __init__(self) -> None:
        self.stays = False

    def leave(self) -> bytes:
        raise NotImplementedError

    def leave_unused(self) -> bytes | None:
        return None

    def stay(self) -> None:
        self.stays = True

    def go_on_from(self, data: bytes) -> None:
        raise NotImplementedError

    def go_on_from_storage(self) -> None:
        raise NotImplementedError


def test_an_emulated_unit_that_stays_in_use_is_named_as_the_reason(
    running: Running, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prhelper.replacing.successor._UNITS_PATIENCE", 0.1)
    units, taking = Busy(), Taking(ends[1])
    with running.connect() as client:
        running.ask(client)
        assert not hand_over(running, ends[0], units)
        with pytest.raises(RefusedError, match="a command on an emulated unit does not end"):
            anyio.run(taking.receive, "")
        for received in taking.clients:
            for fd in received.fds:
                fd.close()
        assert units.stays
        assert running.ask(client)


def test_old_one_that_has_died_leaves_its_place(ends: Ends) -> None:
    ends[0].close()
    assert anyio.run(commit, Taking(ends[1]))


@pytest.mark.parametrize("message", [offer.EMULATED, offer.LEFT])
def test_new_one_that_does_not_get_every_descriptor_does_not_take_the_place(ends: Ends, message: bytes) -> None:
    mailbox.put(ends[0], message, [ends[0].fileno()])
    mailbox.put(ends[0], offer.COPIED, [])

    async def receive() -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            await Taking(ends[1]).receive("")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    with pytest.raises(HandoverError, match="did not arrive"):
        anyio.run(receive)


def test_new_one_that_has_died_leaves_all_as_it_was(running: Running, ends: Ends) -> None:
    with running.connect() as client:
        running.ask(client)
        ends[1].close()
        assert not hand_over(running, ends[0])
        assert running.ask(client)
        running.accept()
        with running.connect() as other:
            assert running.ask(other)


@pytest.mark.usefixtures("impatient")
def test_client_whose_command_ends_while_it_is_undecided_goes_on(running: Running, ends: Ends) -> None:
    with running.connect() as client, Path("/dev/null").open("rb") as null:
        running.device.held = True
        client.send(reserve_in(0), [null.fileno()])
        assert running.device.entered.wait(10)
        running.portal.start_task_soon(_later, running.device.let_go.set)
        assert not hand_over(running, ends[0])
        running.device.held = False
        assert client.reply().status == GOOD
        assert running.ask(client)


async def _later(release: Callable[[], None]) -> None:
    await anyio.sleep(0.05)
    release()
