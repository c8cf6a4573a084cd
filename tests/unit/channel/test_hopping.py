"""One and the same coroutine goes on in another loop or thread after each request, and waits where it is then."""

import functools
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from prhelper.channel import run

from .conftest import Home
from .contexts import CONTEXTS, Context, Running
from .kinds import Pair

HOP = object()


@types.coroutine
def hop() -> Generator[object, None, None]:
    """Leave the place that runs this coroutine, to be continued elsewhere."""
    yield HOP


class Hopper:
    """A coroutine that any context runs on from one `hop` to the next."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self.ended = False

    async def to_next_hop(self) -> None:
        """Run the coroutine here until it hops or ends."""
        await self._drive()

    @types.coroutine
    def _drive(self) -> Generator[Any, Any, None]:
        resume: Callable[[], Any] = functools.partial(self._coroutine.send, None)
        try:
            while (request := resume()) is not HOP:
                try:
                    resume = functools.partial(self._coroutine.send, (yield request))
                except BaseException as fault:
                    resume = functools.partial(self._coroutine.throw, fault)
        except StopIteration:
            self.ended = True


async def echo(pair: Pair, size: int, requests: int) -> None:
    """Answer each request, and hop."""
    for _ in range(requests):
        request = await pair.reader.read_exactly(size)
        await pair.reader.write_all([request[::-1]])
        await hop()


async def ask(pair: Pair, requests: list[bytes]) -> list[bytes]:
    answers = []
    for request in requests:
        await pair.writer.write_all([request])
        answers.append(await pair.writer.read_exactly(len(request)))
    return answers


@pytest.fixture(params=[1, 3], ids=["round", "round backwards"])
def places(request: pytest.FixtureRequest) -> "itertools.cycle[Context]":
    """The contexts in an order in which, between the two of them, each comes after each other but its opposite."""
    return itertools.cycle([CONTEXTS[number * request.param % len(CONTEXTS)] for number in range(len(CONTEXTS))])


def converse(pair: Pair, places: "itertools.cycle[Context]") -> None:
    size = 30_000  # more than the buffers hold, so that both ends wait to read and to write
    requests = [bytes([number]) + bytes(size - 2) + b"." for number in range(4 * len(CONTEXTS))]
    hopper = Hopper(echo(pair, size, len(requests)))
    asking = Running(lambda: run(ask(pair, requests)))
    for _ in requests:
        next(places).run(hopper.to_next_hop)
        assert not hopper.ended
    assert asking.result() == [request[::-1] for request in requests]
    next(places).run(hopper.to_next_hop)
    assert hopper.ended


def test_a_coroutine_answers_each_request_in_another_context(pair: Pair, places: "itertools.cycle[Context]") -> None:
    converse(pair, places)


@pytest.mark.slow
def test_a_coroutine_that_hops_may_wait_at_one_home(pair: Pair, places: "itertools.cycle[Context]", home: Home) -> None:
    pair.reader.home = home[0]
    converse(pair, places)
