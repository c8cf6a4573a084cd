"""From one start of a unit to the next through the store: no client notices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ...support.client import Client, HungUpError
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .conftest import Bench

OUT = reserve_out(0) + keys(1, 2)


def test_a_client_at_rest_is_served_by_the_next_start_and_counts_go_on(bench: Bench) -> None:
    bench.unit.start()
    client = bench.connect()
    bench.check_served(client)
    for commands in (2, 3):
        bench.unit.restart()
        bench.check_served(client)
        with Client(bench.unit.path):
            bench.unit.manager.wait_for(f"STATUS=2 clients, {commands} commands done")
    assert bench.unit.manager.kept == []


@pytest.mark.parametrize("cut", [1, 15, 16, 17, len(OUT) - 1])
def test_a_request_that_was_begun_is_finished_with_the_next_start(bench: Bench, cut: int) -> None:
    bench.unit.start()
    client = bench.connect()
    client.send(OUT[:cut], [bench.healthy])
    bench.check_served(bench.connect())  # it came later, so the half request has been read
    bench.unit.restart()
    client.send(OUT[cut:])
    assert client.reply().status == GOOD
    assert bench.device.last.parameter_list == OUT[16:]
    bench.check_served(client)


def test_a_client_that_has_not_negotiated_does_so_with_the_next_start(bench: Bench) -> None:
    bench.unit.start()
    silent, slow = bench.connect(negotiate=False), bench.connect(negotiate=False)
    assert (silent.receive(4), slow.receive(4)) == (bytes(4), bytes(4))
    slow.send(bytes(2))
    bench.check_served(bench.connect())
    bench.unit.restart()
    silent.send(bytes(4))
    slow.send(bytes(2))
    for client in (silent, slow):
        bench.check_served(client)


def test_requests_that_were_sent_between_two_starts_are_answered_once_each(bench: Bench) -> None:
    bench.unit.start()
    clients = [bench.connect() for _ in range(5)]
    bench.unit.stop()
    for client in clients:
        for _ in range(2):
            client.send(reserve_in(0), [bench.healthy])
    commands = bench.device.commands
    bench.unit.start()
    assert [client.reply().status for client in clients for _ in range(2)] == [GOOD] * 10
    assert bench.device.commands == commands + 10


def test_a_command_in_flight_is_answered_first_and_others_are_served_meanwhile(bench: Bench) -> None:
    bench.unit.start()
    slow, other = bench.connect(), bench.connect()
    bench.device.hold()
    slow.send(reserve_in(0), [bench.hanging])
    bench.wait_for_hanging(1)
    bench.unit.tell()
    bench.unit.manager.wait_for("STOPPING=1")
    bench.check_served(other)
    bench.check_served(bench.connect())
    bench.device.release()
    assert slow.reply().status == GOOD
    assert bench.unit.process.wait(20) == 0
    bench.unit.start()
    for client in bench.clients:
        bench.check_served(client)


def test_a_command_that_is_stuck_costs_its_own_client_only(bench: Bench) -> None:
    bench.unit.start("--stop-timeout", "0.3")
    stuck, other = bench.connect(), bench.connect()
    bench.device.hold()
    stuck.send(reserve_in(0), [bench.hanging])
    bench.wait_for_hanging(1)
    bench.unit.stop()
    with pytest.raises(HungUpError):
        stuck.reply()
    bench.unit.start()
    bench.check_served(other)
    assert bench.unit.output().count("abandoned") == 1


def test_where_the_unit_has_no_store_clients_are_hung_up_on(fake_device_library: Path, tmp_path: Path) -> None:
    bench = Bench(fake_device_library, tmp_path, room=0)
    bench.unit.start()
    client = bench.connect()
    bench.unit.restart()
    assert client.hung_up()
    bench.check_served(bench.connect())
    bench.close()


def test_a_unit_that_is_stopped_for_good_hangs_up(bench: Bench) -> None:
    bench.unit.start()
    client = bench.connect()
    bench.unit.stop()
    bench.unit.manager.drop()
    assert client.hung_up()


def test_a_client_that_leaves_between_two_starts_is_forgotten(bench: Bench) -> None:
    bench.unit.start()
    client, other = bench.connect(), bench.connect()
    client.send(OUT[:20], [bench.healthy])
    bench.check_served(other)
    bench.unit.stop()
    client.close()
    bench.unit.start()
    bench.unit.manager.wait_for("STATUS=1 client, 1 commands done")


def test_as_many_clients_as_one_account_may_have_are_handed_over(bench: Bench) -> None:
    options = ("--max-clients-per-process", "1024")
    bench.unit.start(*options)
    clients = [bench.connect() for _ in range(1024)]
    bench.unit.restart(*options)
    for client in clients:
        bench.check_served(client)
    assert "left 1024 connections" in bench.unit.output()


def test_a_trickling_client_gains_no_time_by_restarts(bench: Bench) -> None:
    options = ("--request-timeout", "2")
    bench.unit.start(*options)
    client = bench.connect()
    client.send(OUT[:5], [bench.healthy])
    bench.check_served(bench.connect())
    for _ in range(2):
        bench.unit.restart(*options)
    assert client.hung_up()
    bench.unit.wait_for_log("took too long")


def test_a_client_is_who_the_kernel_says_it_is(bench: Bench) -> None:
    bench.unit.start("-v")
    client = bench.connect()
    bench.unit.restart("-v")
    bench.check_served(client)
    bench.unit.wait_for_log(f"pid {os.getpid()} uid {os.getuid()}")
