"""A client dies: after each byte of a conversation, while its command is carried out, and before it reads the reply."""

import contextlib
from collections.abc import Iterator

import pytest

from ...support.client import Client
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .bench import Bench

FEATURES = bytes(4)

CONVERSATIONS = {
    "in": (FEATURES, reserve_in(0)),
    "out": (FEATURES, reserve_out(0), keys(1, 2)),
    "out_after_in": (FEATURES, reserve_in(0), reserve_out(0), keys(1, 2)),
}


def say(client: Client, conversation: tuple[bytes, ...], most: int, fd: int) -> None:
    """Say the first bytes of a conversation; a descriptor goes with each CDB's first."""
    for message in conversation:
        part = message[:most]
        if part:
            client.send(part, [fd] if len(message) == 16 else [])
        most -= len(part)


@contextlib.contextmanager
def a_command_of_another_client_in_flight(bench: Bench) -> Iterator[None]:
    with bench.connect() as other:
        with bench.devices_hang():
            other.send(reserve_in(0), [bench.hanging])
            bench.wait_for_hanging(1)
            yield
            bench.wait_for_hanging(1)
        assert other.reply().status == GOOD


@pytest.mark.parametrize("others", [contextlib.nullcontext, a_command_of_another_client_in_flight])
@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_client_that_dies_after_any_byte_leaves_nothing_behind(
    bench: Bench, conversation: tuple[bytes, ...], others: type
) -> None:
    with others(bench):
        before = bench.helper.descriptors()
        for count in range(sum(map(len, conversation)) + 1):
            with bench.connect(negotiate=False) as client:
                say(client, conversation, count, bench.healthy)
        bench.check_health()
        bench.helper.wait_for_descriptors(before)


@pytest.mark.parametrize("command", ["in", "out"])
def test_a_client_that_dies_with_its_command_in_flight_does_no_harm(bench: Bench, command: str) -> None:
    with bench.devices_hang():
        with bench.connect(negotiate=False) as client:
            say(client, CONVERSATIONS[command], 1000, bench.hanging)
            bench.wait_for_hanging(1)
        bench.check_health()
        bench.wait_for_hanging(1)
    bench.wait_for_hanging(0)


def test_many_that_die_with_their_commands_in_flight_do_no_harm(bench: Bench) -> None:
    with bench.devices_hang():
        for _ in range(20):
            with bench.connect() as client:
                client.send(reserve_in(0), [bench.hanging])
        bench.wait_for_hanging(20)
        bench.check_health()


def test_a_client_that_dies_without_reading_its_replies_does_no_harm(bench: Bench) -> None:
    with bench.connect() as client:
        for _ in range(20):
            client.send(reserve_in(0), [bench.healthy])
        assert client.receive(8)


def test_a_client_that_only_stops_sending_still_gets_its_reply(bench: Bench) -> None:
    with bench.connect() as client:
        with bench.devices_hang():
            client.send(reserve_out(0), [bench.hanging])
            client.send(keys(1, 2))
            client.stop_sending()
            bench.wait_for_hanging(1)
        assert client.reply().status == GOOD
        assert client.hung_up()
