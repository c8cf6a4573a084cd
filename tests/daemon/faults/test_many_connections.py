"""Connections by the thousand come and go, one after another and many at a time, and the helper is as it was."""

from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .bench import Bench

AT_ONCE = 100  # the default --max-clients-per-process is 128


def test_a_thousand_connections_come_and_go_one_after_another(bench: Bench) -> None:
    for number in range(1000):
        with bench.connect(negotiate=number % 3 != 0) as client:
            if number % 3 == 1:
                bench.check_served(client)


def test_a_thousand_connections_come_and_go_many_at_a_time(bench: Bench) -> None:
    for _ in range(10):
        clients = [bench.connect() for _ in range(AT_ONCE)]
        for client in clients:
            client.send(reserve_out(0), [bench.healthy])
            client.send(keys(1, 2))
        assert [client.reply().status for client in clients] == [GOOD] * AT_ONCE
        assert bench.helper.descriptors() >= bench.rest.descriptors + AT_ONCE
        for client in clients:
            client.close()
        bench.check_nothing_is_left()


def test_a_connection_is_good_for_a_thousand_commands(bench: Bench) -> None:
    with bench.connect() as client:
        for _ in range(1000):
            bench.check_served(client)
        client.send(reserve_in(0), [bench.healthy])
        assert client.reply().status == GOOD
