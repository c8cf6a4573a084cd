"""The limits on the number of clients, and the counts over all of them."""

import socket
from collections.abc import Iterator

import pytest

from prhelper.channel import SocketChannel
from prhelper.device.execution import Result
from prhelper.host.peer import Peer
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving.clients import Clients, Full

from ...support.spc import reserve_in

READ_KEYS = Command(reserve_in(0))
GOOD = Result(Outcome(Status.GOOD))


@pytest.fixture
def channel() -> Iterator[SocketChannel]:
    ours, theirs = socket.socketpair()
    with theirs, SocketChannel(ours) as channel:
        yield channel


def peer(pid: int, account: str) -> Peer:
    return Peer(pid, 107, "qemu", account)


@pytest.mark.parametrize(
    ("total", "per_process", "peers", "refusal"),
    [
        (3, 9, [peer(1, "a"), peer(2, "a"), peer(3, "b"), peer(4, "c")], "there are 3 clients already (--max-clients)"),
        (8, 2, [peer(1, "a")] * 3, "it has 2 connections already (--max-clients-per-process)"),
        (8, 9, [peer(pid, "a") for pid in range(1, 6)], "a has 4 connections already, half of --max-clients"),
        (5, 9, [peer(pid, "a") for pid in range(1, 5)], "a has 3 connections already, half of --max-clients"),
    ],
    ids=["total", "process", "account", "account, an odd total"],
)
def test_one_too_many_is_refused_with_the_limit_it_met(
    channel: SocketChannel, total: int, per_process: int, peers: list[Peer], refusal: str
) -> None:
    clients = Clients(total, per_process)
    for each in peers[:-1]:
        clients.enter(each, channel)
    with pytest.raises(Full) as full:
        clients.enter(peers[-1], channel)
    assert str(full.value) == refusal
    assert len(clients) == len(peers) - 1


def test_processes_that_cannot_be_seen_are_not_taken_for_one(channel: SocketChannel) -> None:
    clients = Clients(8, 1)
    for _ in range(4):
        clients.enter(peer(0, "a"), channel)


def test_one_process_may_have_all_places_where_it_has_limits_itself(channel: SocketChannel) -> None:
    clients = Clients(3, None)
    for _ in range(3):
        clients.enter(peer(1, "a"), channel)
    with pytest.raises(Full, match="3 clients already"):
        clients.enter(peer(2, "b"), channel)


def test_a_place_that_was_given_up_is_free_though_its_client_is_still_there(channel: SocketChannel) -> None:
    clients = Clients(2, 1)
    first = clients.enter(peer(1, "a"), channel)
    clients.give_up_place(first)
    second = clients.enter(peer(1, "a"), channel)
    assert list(clients) == [first, second]
    assert first.number != second.number


def test_commands_are_counted_for_clients_that_have_gone_too(channel: SocketChannel) -> None:
    clients = Clients(2, 1)
    first = clients.enter(peer(1, "a"), channel)
    for _ in range(3):
        first.begin(READ_KEYS)
        first.end(READ_KEYS, None, GOOD)
    clients.give_up_place(first)
    clients.forget(first)
    second = clients.enter(peer(1, "a"), channel)
    second.begin(READ_KEYS)
    second.end(READ_KEYS, None, GOOD)
    assert (clients.commands(), len(clients)) == (4, 1)
