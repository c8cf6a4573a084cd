"""Clients that keep the helper waiting: in the middle of a request for a limited time, between two for ever."""

import contextlib
import select
import time
from collections.abc import Mapping

import pytest

from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .bench import Bench
from .conftest import Start

TIMEOUT = 0.2
MANY = 60
"""Requests that fit into a socket, but whose replies do not."""

OPTIONS = ("--request-timeout", str(TIMEOUT))

CDBS = (b"\x5e", b"\x5f")

UNFINISHED: Mapping[str, tuple[bool, tuple[bytes, ...]]] = {
    "features not sent": (False, ()),
    "half of the features": (False, (bytes(2),)),
    "first byte of a CDB": (True, (reserve_in(0)[:1],)),
    "half of a CDB": (True, (reserve_in(0)[:8],)),
    "all but the last byte of a CDB": (True, (reserve_in(0)[:15],)),
    "CDB without its parameter list": (True, (reserve_out(0),)),
    "half of a parameter list": (True, (reserve_out(0), bytes(12))),
    "half of a second request": (True, (reserve_out(0), bytes(24), reserve_in(0)[:8])),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_client_that_does_not_finish_is_hung_up_on_when_its_time_is_over(start: Start, name: str) -> None:
    bench = start(*OPTIONS)
    negotiate, messages = UNFINISHED[name]
    began = time.monotonic()
    with bench.connect(negotiate=negotiate) as client:
        for message in messages:
            client.send(message, [bench.healthy] if message[:1] in CDBS else [])
        client.receive_all()
    assert time.monotonic() - began >= TIMEOUT
    bench.helper.wait_for_log("--request-timeout")


def test_a_byte_now_and_then_buys_no_time(start: Start) -> None:
    bench = start(*OPTIONS)
    with bench.connect() as client:
        client.send(reserve_out(0, length=8192), [bench.healthy])
        sent = 0
        with contextlib.suppress(BrokenPipeError):  # it may hang up between the look and the byte
            while not select.select([client.socket], [], [], TIMEOUT / 4)[0]:
                client.send(b"\0")
                sent += 1
        assert sent < 8192
        assert client.hung_up()


def test_an_idle_client_may_stay_for_ever(start: Start) -> None:
    bench = start(*OPTIONS)
    with bench.connect() as idle, bench.connect() as used_once:
        bench.check_served(used_once)
        for _ in range(3):
            with bench.connect() as slow:
                slow.send(reserve_in(0)[:8], [bench.healthy])
                assert slow.hung_up()  # so the time for a request has passed once more
        bench.check_served(idle)
        bench.check_served(used_once)


def test_a_command_may_take_longer_than_a_request(start: Start) -> None:
    bench = start(*OPTIONS)
    with bench.connect() as client:
        with bench.devices_hang():
            client.send(reserve_out(0), [bench.hanging])
            client.send(keys(1, 2))
            bench.wait_for_hanging(1)
            with bench.connect() as slow:
                slow.send(reserve_in(0)[:8], [bench.healthy])
                assert slow.hung_up()
        assert client.reply().status == GOOD


def test_a_client_that_never_reads_is_hung_up_on_and_holds_up_nobody(start: Start) -> None:
    bench = start(*OPTIONS)
    with bench.connect() as client:
        for _ in range(MANY):
            client.send(reserve_in(0), [bench.healthy])
        bench.check_health()
        bench.helper.wait_for_log("--request-timeout")
        assert len(client.receive_all()) < MANY * 8192


def test_a_client_that_reads_late_gets_every_reply(bench: Bench) -> None:
    with bench.connect() as client:
        for _ in range(MANY):
            client.send(reserve_in(0), [bench.healthy])
        bench.check_health()
        assert [client.reply().status for _ in range(MANY)] == [GOOD] * MANY
