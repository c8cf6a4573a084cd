"""Restarts while many clients send commands, for slow disks too: each is answered exactly once, with its own data."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator

import pytest

from ...support.client import Client, HungUpError
from ...support.fake_device import PATTERN, SLOW
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .conftest import THOROUGH, Bench, Replaced

CLIENTS = 200
SLOW_ONES = 20
THREADS = 4
RESTARTS = 50 if THOROUGH else 8
REPLACEMENTS = 50 if THOROUGH else 4


class Load(threading.Thread):
    """Some clients that have one command each under way, of a length of its own, sent in pieces now and then.

    Each has a disk, by its descriptor.
    """

    def __init__(self, clients: list[tuple[Client, int]], seed: int) -> None:
        super().__init__()
        self._clients = clients
        self._random = random.Random(seed)
        self.enough = threading.Event()
        self.answered = 0
        self.start()

    def run(self) -> None:
        while not self.enough.is_set():
            sizes = [self._send(client, disk) for client, disk in self._clients]
            for (client, _), size in zip(self._clients, sizes, strict=True):
                reply = client.reply()
                assert (reply.status, reply.payload) == (GOOD, PATTERN[:size])
                self.answered += 1

    def _send(self, client: Client, disk: int) -> int:
        size = self._random.randrange(8, 2000)
        if self._random.random() < 0.2:
            request, size = reserve_out(0) + keys(size, size), 0
        else:
            request = reserve_in(0, size)
        cut = self._random.choice([0, 0, self._random.randrange(1, len(request))])
        if cut:
            client.send(request[:cut], [disk])
            client.send(request[cut:])
        else:
            client.send(request, [disk])
        return size


@pytest.fixture
def slow() -> Iterator[int]:
    fd = os.open(SLOW, os.O_RDWR)
    yield fd
    os.close(fd)


def start(clients: list[Client], slow: int, healthy: int, seed: int) -> list[Load]:
    disks = [slow] * SLOW_ONES + [healthy] * (CLIENTS - SLOW_ONES)
    mixed = list(zip(clients, disks, strict=True))
    return [Load(mixed[number::THREADS], seed + number) for number in range(THREADS)]


def end(loads: list[Load]) -> int:
    """Let all clients have their last answer. How many there were."""
    for load in loads:
        load.enough.set()
    for load in loads:
        load.join(60)
        assert not load.is_alive()
    answered = sum(load.answered for load in loads)
    assert answered >= CLIENTS
    return answered


@pytest.mark.timeout(300)
def test_each_command_is_answered_once_with_its_own_data_through_all_restarts(bench: Bench, slow: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    options = ("--stop-timeout", "0.3")
    bench.unit.start(*options)
    before = bench.device.commands
    clients = [bench.connect() for _ in range(CLIENTS)]
    loads = start(clients, slow, bench.healthy, seed)
    stuck_commands = 0
    for number in range(RESTARTS):
        if number % 2:  # with a command that is stuck
            bench.device.hold()
            stuck = bench.connect()
            stuck.send(reserve_in(0), [bench.hanging])
            stuck_commands += 1
            bench.wait_for_hanging(stuck_commands)  # those of processes that are gone stay counted
            bench.unit.restart(*options)
            with pytest.raises(HungUpError):
                stuck.reply()
            bench.device.release()
        else:
            bench.unit.restart(*options)
    answered = end(loads)
    assert bench.device.commands == before + answered + stuck_commands
    for client in clients:
        bench.check_served(client)
    assert "Traceback" not in bench.unit.output()


@pytest.mark.timeout(300)
def test_each_command_is_answered_once_with_its_own_data_through_all_replacements(
    replaced: Replaced, slow: int
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    replaced.starts.start()
    before = replaced.device.commands
    clients = [replaced.connect() for _ in range(CLIENTS)]
    loads = start(clients, slow, replaced.healthy, seed)
    replaced.device.hold()
    stuck: dict[int, Client] = {}
    for number in range(REPLACEMENTS):
        if number % 5 == 0:  # with a command that is stuck until all is over
            stuck[number] = replaced.connect()
            stuck[number].send(reserve_in(0), [replaced.hanging])
            replaced.wait_for_hanging(len(stuck))
        replaced.starts.start()
        assert number in stuck or replaced.starts.has_ended(number) == 0
    answered = end(loads)
    assert replaced.device.commands == before + answered + len(stuck)
    replaced.device.release()
    for number, client in stuck.items():
        assert client.reply().status == GOOD
        assert replaced.starts.has_ended(number) == 0
    for client in (*clients, *stuck.values()):
        replaced.check_served(client)
    assert not any("Traceback" in replaced.starts.output(number) for number in range(REPLACEMENTS + 1))
    replaced.starts.stop()
