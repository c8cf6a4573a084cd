"""Told to stop, the helper finishes what it has begun, and takes its files away; or gives up when its time is over."""

import select
import signal
from pathlib import Path

import pytest

from ...support.client import Client, HungUpError
from ...support.helper import wait_until
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .bench import Bench
from .conftest import Start

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]

IN = (reserve_in(0),)
OUT = (reserve_out(0), keys(1, 2))


def send(client: Client, messages: tuple[bytes, ...], fd: int) -> None:
    client.send(messages[0], [fd])
    for message in messages[1:]:
        client.send(message)


def tell(bench: Bench, number: signal.Signals = signal.SIGTERM) -> None:
    """Tell it to stop, and wait until it has begun to."""
    bench.helper.process.send_signal(number)
    wait_until(lambda: not bench.helper.socket.exists(), what="the socket file to be removed")
    bench.helper.wait_for_log(f"{number.name}: stopping")


@pytest.mark.parametrize("messages", [IN, OUT], ids=["in", "out"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_command_in_flight_is_answered_before_the_end(
    start: Start, number: signal.Signals, messages: tuple[bytes, ...]
) -> None:
    bench = start()
    with bench.connect() as client:
        with bench.devices_hang():
            send(client, messages, bench.hanging)
            bench.wait_for_hanging(1)
            tell(bench, number)
            assert bench.helper.process.poll() is None
        assert client.reply().status == GOOD
        assert client.hung_up()
    assert bench.helper.process.wait(20) == 0


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_reservations_answered_just_before_the_stop_are_in_the_log(start: Start, number: signal.Signals) -> None:
    """Their lines may still be queued then, and not even worded."""
    bench = start()
    with bench.connect() as client:
        for key in range(100):
            assert client.command(bench.healthy, reserve_out(0), keys(key, key + 1)).status == GOOD
        assert bench.helper.stop(number) == 0
    lines = [line for line in bench.helper.output().splitlines() if "PERSISTENT RESERVE OUT REGISTER" in line]
    assert [f"service action key {key + 1:#x}: GOOD" in line for key, line in enumerate(lines)] == [True] * 100


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_clients_with_nothing_in_flight_are_hung_up_on(start: Start, number: signal.Signals) -> None:
    bench = start()
    with bench.connect() as fresh, bench.connect() as used, bench.connect(negotiate=False) as silent:
        bench.check_served(used)
        assert bench.helper.stop(number) == 0
        assert fresh.hung_up()
        assert used.hung_up()
        assert silent.receive_all() in (b"", bytes(4))
    assert not bench.helper.socket.exists()


def test_what_is_waited_for_is_named_while_there_is_time(start: Start) -> None:
    bench = start("--stop-timeout", "600")
    with bench.connect() as client, bench.devices_hang():
        send(client, OUT, bench.hanging)
        bench.wait_for_hanging(1)
        tell(bench)
        bench.helper.wait_for_log("still waiting for")
        assert bench.helper.process.poll() is None
    assert bench.helper.process.wait(20) == 0


def test_many_commands_in_flight_are_all_answered(start: Start) -> None:
    bench = start()
    clients = [bench.connect() for _ in range(20)]
    with bench.devices_hang():
        for client in clients:
            send(client, OUT, bench.hanging)
        bench.wait_for_hanging(20)
        tell(bench)
    assert [client.reply().status for client in clients] == [GOOD] * 20
    assert bench.helper.process.wait(20) == 0
    for client in clients:
        client.close()


def test_a_request_that_was_begun_may_be_finished(start: Start) -> None:
    bench = start()
    with bench.connect() as client:
        client.send(OUT[0][:7], [bench.healthy])
        bench.check_health()  # it came later, so the half request has been read
        tell(bench)
        client.send(OUT[0][7:])
        client.send(OUT[1])
        assert client.reply().status == GOOD
        assert client.hung_up()
    assert bench.helper.process.wait(20) == 0


def test_a_request_that_has_arrived_behind_the_one_in_flight_is_answered(start: Start) -> None:
    bench = start()
    with bench.connect() as client:
        with bench.devices_hang():
            for _ in range(2):
                send(client, OUT, bench.hanging)
            bench.wait_for_hanging(1)
            tell(bench)
        assert [client.reply().status for _ in range(2)] == [GOOD] * 2
        assert client.hung_up()
    assert bench.helper.process.wait(20) == 0


def test_being_told_twice_changes_nothing(start: Start) -> None:
    bench = start()
    with bench.connect() as client:
        with bench.devices_hang():
            send(client, OUT, bench.hanging)
            bench.wait_for_hanging(1)
            tell(bench)
            for number in SIGNALS:
                bench.helper.process.send_signal(number)
        assert client.reply().status == GOOD
    assert bench.helper.process.wait(20) == 0


def test_being_told_until_the_very_end_changes_nothing(start: Start, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    bench = start("--stop-timeout", "0.2", "--pidfile", str(pidfile))
    with bench.connect() as client, bench.devices_hang():
        send(client, OUT, bench.hanging)
        bench.wait_for_hanging(1)
        while bench.helper.process.poll() is None:
            tell(bench)
            select.select([], [], [], 0.002)
    assert bench.helper.process.returncode == 0
    assert not pidfile.exists()


def test_commands_that_are_stuck_are_named_and_given_up_after_a_while(start: Start, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    bench = start("--stop-timeout", "0.3", "--pidfile", str(pidfile))
    assert pidfile.exists()
    with bench.connect() as one, bench.connect() as other, bench.devices_hang():
        send(one, IN, bench.hanging)
        send(other, (reserve_out(1, 5), keys(0xABC, 0)), bench.hanging)
        bench.wait_for_hanging(2)
        assert bench.helper.stop() == 0
        for client in (one, other):
            with pytest.raises(HungUpError):
                client.reply()
    log = bench.helper.output()
    assert log.count("abandoned") == 2
    assert "PERSISTENT RESERVE IN READ KEYS, for" in log
    assert "PERSISTENT RESERVE OUT RESERVE, WRITE EXCLUSIVE REGISTRANTS ONLY, LU, key 0xabc" in log
    assert not bench.helper.socket.exists()
    assert not pidfile.exists()
