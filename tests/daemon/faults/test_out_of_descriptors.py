"""The helper may open no more files: whoever is connected is served on, who comes waits, and no processor time is lost.

The limit is lowered from outside while the helper runs, to leave room for a few connections.
"""

import select
from collections.abc import Sequence

from ...support.client import Client
from ...support.helper import wait_until
from ...support.spc import reserve_in
from .bench import Bench
from .conftest import Start

ROOM = 6
WAITING = 4

WATCHED = 1.0
"""Seconds for which the helper is watched while clients wait."""


def greeted(clients: Sequence[Client]) -> list[Client]:
    """Those that have something to read: the first bytes of the conversation."""
    ready, _, _ = select.select([client.socket for client in clients], [], [], 0)
    return [client for client in clients if client.socket in ready]


def fill_up(bench: Bench) -> tuple[list[Client], list[Client]]:
    """Connect clients until the helper has no descriptor left: those that it could accept, and those that wait."""
    bench.check_nothing_is_left()
    full = bench.helper.limit_descriptors(ROOM)
    clients = [bench.connect(negotiate=False) for _ in range(ROOM + WAITING)]
    bench.helper.wait_for_log("cannot accept clients")
    # While a machine's name is looked up there is room for one client less.
    wait_until(lambda: bench.helper.descriptors() == full, what="the helper to have no descriptor left")
    room = full - bench.rest.descriptors
    wait_until(lambda: len(greeted(clients)) == room, what="those to be greeted that there is room for")
    accepted = greeted(clients)
    for client in accepted:
        assert client.receive(4) == bytes(4)
        client.send(bytes(4))
    return accepted, [client for client in clients if client not in accepted]


def close(clients: Sequence[Client]) -> None:
    for client in clients:
        client.close()


def test_clients_that_wait_cost_no_processor_time_and_one_log_line(start: Start) -> None:
    bench = start()
    accepted, waiting = fill_up(bench)
    before = bench.helper.cpu_seconds()
    assert select.select([client.socket for client in waiting], [], [], WATCHED)[0] == []
    assert bench.helper.cpu_seconds() - before < WATCHED / 2
    assert bench.helper.output().count("cannot accept clients") == 1
    assert "LimitNOFILE" in bench.helper.output()
    close(accepted + waiting)


def test_clients_that_wait_are_accepted_when_others_leave(start: Start) -> None:
    bench = start()
    accepted, waiting = fill_up(bench)
    close(accepted)
    for client in waiting:
        assert client.receive(4) == bytes(4)
        client.send(bytes(4))
        bench.check_served(client)
    close(waiting)
    bench.check_health()


def test_a_descriptor_that_there_is_no_room_for_ends_that_connection_and_no_other(start: Start) -> None:
    bench = start()
    accepted, waiting = fill_up(bench)
    unlucky, leaving, *others = accepted
    unlucky.send(reserve_in(0), [bench.healthy])
    assert unlucky.hung_up()
    for cause in ("LimitNOFILE=", "ulimit -n", "AppArmor", "SELinux"):  # they look the same from here
        bench.helper.wait_for_log(cause)
    close([unlucky, leaving, *waiting])  # two make room: for a descriptor, and to look a machine's name up
    bench.connect().close()  # greeted when all who waited before it have been accepted: they are gone soon
    expected = bench.rest.descriptors + len(others)
    wait_until(lambda: bench.helper.descriptors() == expected, what="those who left to be forgotten")
    for client in others:
        bench.check_served(client)
    close(others)


def test_a_limit_that_the_clients_will_not_fit_into_is_told_at_the_start(start: Start) -> None:
    bench = start("--max-clients", "999999")
    bench.helper.wait_for_log("--max-clients 999999 needs 3000029 open files")
