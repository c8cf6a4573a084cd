"""Devices that do not answer: no client ever waits for another's.

How fast the others are meanwhile is measured elsewhere; here they must be served at all, which with QEMU's pool of 64
threads they would not be.
"""

from collections.abc import Iterator

import pytest

from ...support.client import Client
from ...support.fake_device import Held
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .bench import Bench
from .conftest import Start

STUCK = 100


@pytest.fixture
def clients(bench: Bench) -> Iterator[list[Client]]:
    clients = [bench.connect() for _ in range(STUCK)]
    yield clients
    for client in clients:
        client.close()


def test_a_healthy_device_answers_while_a_hundred_others_hang(bench: Bench, clients: list[Client]) -> None:
    with bench.devices_hang():
        for number, client in enumerate(clients):
            client.send(reserve_out(0) if number % 2 else reserve_in(0), [bench.hanging])
            if number % 2:
                client.send(keys(1, 2))
        bench.wait_for_hanging(STUCK)
        with bench.connect(timeout=5.0) as healthy:
            for _ in range(200):
                bench.check_served(healthy)
        bench.wait_for_hanging(STUCK)
    assert [client.reply().status for client in clients] == [GOOD] * STUCK


@pytest.mark.parametrize("call", Held)
def test_the_first_that_is_ever_done_with_a_device_may_hang(start: Start, call: Held) -> None:
    bench = start()
    clients = [bench.connect() for _ in range(STUCK)]
    with bench.devices_hang(call):
        for client in clients:
            client.send(reserve_in(0), [bench.hanging])
        bench.wait_for_hanging(STUCK)
        with bench.connect(timeout=5.0) as healthy:
            for _ in range(50):
                bench.check_served(healthy)
        bench.wait_for_hanging(STUCK)
    assert [client.reply().status for client in clients] == [GOOD] * STUCK
    for client in clients:
        client.close()
    bench.helper.wait_for_idle_threads(bench.rest)


def test_a_device_that_was_fast_and_now_hangs_holds_up_nobody(bench: Bench) -> None:
    with bench.connect() as client, bench.connect(timeout=5.0) as healthy:
        for _ in range(50):
            assert client.command(bench.hanging, reserve_in(0)).status == GOOD
            bench.check_served(healthy)
        with bench.devices_hang():
            client.send(reserve_in(0), [bench.hanging])
            bench.wait_for_hanging(1)
            for _ in range(200):
                bench.check_served(healthy)
            bench.wait_for_hanging(1)
        assert client.reply().status == GOOD
        assert client.command(bench.hanging, reserve_in(0)).status == GOOD


def test_clients_come_and_go_while_devices_hang(bench: Bench, clients: list[Client]) -> None:
    with bench.devices_hang():
        for client in clients[:50]:
            client.send(reserve_in(0), [bench.hanging])
        bench.wait_for_hanging(50)
        for _ in range(100):
            bench.check_health()
        for client in clients[:25]:
            client.close()
        bench.check_health()
    assert [client.reply().status for client in clients[25:50]] == [GOOD] * 25
