"""Either side is killed at a step of a restart: what it held then is hung up on, and nothing else lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.hold import Hold
from ...support.spc import GOOD, reserve_in
from .conftest import Bench

MANY = 300  # more than fit into one message


@pytest.fixture
def hold(hold_library: Path, fake_device_library: Path, tmp_path: Path) -> Hold:
    return Hold(hold_library, tmp_path, fake_device_library)


@pytest.fixture
def bench(fake_device_library: Path, tmp_path: Path, hold: Hold) -> Iterator[Bench]:
    bench = Bench(fake_device_library, tmp_path, hold=hold)
    yield bench
    bench.close()


def kill(bench: Bench) -> None:
    bench.unit.process.kill()
    bench.unit.process.wait()


def test_old_one_is_killed_before_the_store_has_anything(bench: Bench, hold: Hold) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(3)]
    with hold.next("sendmsg"):
        bench.unit.tell()
        hold.wait("sendmsg")
        kill(bench)
    bench.unit.start()
    assert bench.served(clients) == []
    bench.check_served(bench.connect())


def test_old_one_is_killed_between_two_messages(bench: Bench, hold: Hold) -> None:
    bench.unit.start()
    slow = bench.connect()
    clients = [bench.connect() for _ in range(MANY)]
    bench.device.hold()
    slow.send(reserve_in(0), [bench.hanging])
    bench.wait_for_hanging(1)
    bench.unit.tell()
    bench.unit.manager.wait_for("STOPPING=1")
    with hold.next("sendmsg"):
        bench.device.release()
        hold.wait("sendmsg")
        hold.next_but_one("sendmsg")
        hold.wait("sendmsg")
        kill(bench)
    assert slow.reply().status == GOOD
    bench.unit.start()
    left = bench.served(clients)
    assert 0 < len(left) < MANY
    bench.check_served(bench.connect())


def test_new_one_is_killed_before_it_has_taken_anything(bench: Bench, hold: Hold) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(MANY)]
    bench.unit.stop()
    with hold.next("recvmsg_many"):
        bench.unit.launch()
        hold.wait("recvmsg_many")
        kill(bench)
    bench.unit.start()
    assert bench.served(clients) == clients


def test_new_one_is_killed_between_two_messages(bench: Bench, hold: Hold) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(MANY)]
    bench.unit.stop()
    with hold.next("recvmsg_many"):
        bench.unit.launch()
        hold.wait("recvmsg_many")
        hold.next_but_one("recvmsg_many")
        hold.wait("recvmsg_many")
        kill(bench)
    bench.unit.start()
    left = bench.served(clients)
    assert 0 < len(left) < MANY
    bench.unit.restart()
    assert bench.served(left) == left


def test_new_one_that_fails_to_start_leaves_all_to_the_one_after_it(bench: Bench) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(3)]
    bench.unit.stop()
    bench.unit.launch("--log=nonsense")
    assert bench.unit.process.wait(20) == 1
    bench.unit.start()
    assert bench.served(clients) == clients


def test_nothing_is_left_of_many_restarts(bench: Bench) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(20)]
    bench.unit.restart()
    bench.check_served(clients[0])
    before = bench.unit.descriptors()
    for _ in range(5):
        bench.unit.restart()
        assert bench.served(clients) == clients
    assert bench.unit.descriptors() == before
    assert bench.unit.manager.kept == []
