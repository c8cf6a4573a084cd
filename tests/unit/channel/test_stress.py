"""Megabytes flow while both ends move between loops and threads at random, are cancelled, quiesced and resumed.

Each *traveller* carries one end of a stream. It works in *stints*: a coroutine in a place chosen at random, which moves
so many bytes and ends, or is interrupted before that. Not a byte may be lost, doubled or moved, nothing may be left
behind. The seed is printed; STRESS_SEED repeats its choices, though never their timing.
"""

import asyncio
import contextlib
import os
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import trio
from anyio.from_thread import start_blocking_portal

from prhelper.channel import Channel, CommandChannel, Direction, TlsChannel

from .contexts import LOOPS, PATIENCE, STEPPER, THREAD, Body, Context, Running
from .kinds import Pair, pipe_pair, tcp_pair, tls_pair, unix_pair
from .watching import number_of, registered

SIZE = 4 << 20
STINT = 1 << 15
"""The most bytes that one stint moves."""
INTERRUPTED_WITHIN = 0.001
"""Seconds."""


@dataclass(frozen=True)
class Place:
    """Where stints may run: a loop that goes on all the time, or a plain thread.

    can_cancel: whether a coroutine there can be cancelled by whoever started it.
    """

    start: Callable[[Body[None]], Future[None]]
    can_cancel: bool


@pytest.fixture
def places() -> Iterator[list[Place]]:
    with contextlib.ExitStack() as stack:
        portals = [stack.enter_context(start_blocking_portal(loop.name)) for loop in LOOPS * 2]
        before = [portal.call(task_count) for portal in portals]
        pool = stack.enter_context(ThreadPoolExecutor(8))
        in_loops = [Place(portal.start_task_soon, True) for portal in portals]
        in_threads = [Place(in_pool(pool, context), False) for context in (THREAD, STEPPER)]
        yield in_loops + in_threads
        assert [portal.call(task_count) for portal in portals] == before


def in_pool(pool: ThreadPoolExecutor, context: Context) -> Callable[[Body[None]], Future[None]]:
    return lambda body: pool.submit(context.run, body)


async def task_count() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


class Traveller(ABC):
    """Moves one end of a stream from place to place until all is moved."""

    def __init__(self, places: list[Place], chance: random.Random) -> None:
        self.stints = 0
        self.interrupted = 0
        self._places = places
        self._chance = chance

    def travel(self) -> None:
        while not self.done():
            place = self._chance.choice(self._places)
            over = threading.Event()
            stint = place.start(lambda over=over: self._until(over))  # type: ignore[misc]
            self.stints += 1
            if not over.wait(self._chance.uniform(0, INTERRUPTED_WITHIN)):
                self._interrupt(place, stint)
            assert over.wait(PATIENCE)
            if not stint.cancelled():
                stint.result(PATIENCE)

    async def _until(self, over: threading.Event) -> None:
        try:
            await self.stint(self._chance.randrange(1, STINT))
        finally:
            over.set()

    def _interrupt(self, place: Place, stint: Future[None]) -> None:
        if place.can_cancel and self._chance.random() < 0.5:
            self.interrupted += stint.cancel()

    @abstractmethod
    def done(self) -> bool:
        """Whether all is moved."""

    @abstractmethod
    async def stint(self, size: int) -> None:
        """Move some bytes, about so many."""


class Reader(Traveller):
    """Collects what arrives."""

    def __init__(self, channel: Channel, places: list[Place], chance: random.Random) -> None:
        super().__init__(places, chance)
        self.received = bytearray()
        self._channel = channel

    def done(self) -> bool:
        return len(self.received) == SIZE

    async def stint(self, size: int) -> None:
        end = min(SIZE, len(self.received) + size)
        while len(self.received) < end and await self._channel.next_message():
            self.received += await self._channel.read(min(end - len(self.received), self._chance.randrange(1, 20_000)))

    def _interrupt(self, place: Place, stint: Future[None]) -> None:
        if place.can_cancel and self._chance.random() < 0.5:
            self.interrupted += stint.cancel()
        else:
            self._channel.quiesce()
            self.interrupted += not stint.exception(PATIENCE)
            self._channel.resume()


class Writer(Traveller):
    """Sends `data`."""

    def __init__(self, channel: Channel, data: bytes, places: list[Place], chance: random.Random) -> None:
        super().__init__(places, chance)
        self._channel = channel
        self._rest = memoryview(data)
        self._sent = False

    def done(self) -> bool:
        return self._sent

    async def stint(self, size: int) -> None:
        left = max(0, len(self._rest) - size)
        while len(self._rest) > left:
            piece = self._rest[: self._chance.randrange(1, 20_000)]
            if (count := self._channel.writev([piece])) is None:
                await self._channel.wait(Direction.WRITE)
            else:
                self._rest = self._rest[count:]
        await self._channel.wait(Direction.WRITE)  # TLS may still hold some of it
        self._sent = not self._rest


def both_ways(pair: Pair) -> list[Pair]:
    return [pair, Pair(pair.writer, pair.reader)]


def echo() -> Pair:
    channel = CommandChannel.spawn(["cat"])
    return Pair(channel, channel)


STREAMS: dict[str, Callable[[], list[Pair]]] = {
    "unix": lambda: both_ways(unix_pair()),
    "tcp": lambda: both_ways(tcp_pair()),
    "pipe": lambda: [pipe_pair()],
    "command": lambda: [echo()],
    "tls": lambda: both_ways(tls_pair()),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", STREAMS)
def test_megabytes_survive_ends_that_never_stay(places: list[Place], kind: str) -> None:
    seed = int(os.environ.get("STRESS_SEED") or random.randrange(1 << 32))
    print(f"STRESS_SEED={seed}")
    chance = random.Random(seed)
    streams = STREAMS[kind]()
    data = [chance.randbytes(SIZE) for _ in streams]
    writers = [
        Writer(stream.writer, sent, places, random.Random(chance.random()))
        for stream, sent in zip(streams, data, strict=True)
    ]
    readers = [Reader(stream.reader, places, random.Random(chance.random())) for stream in streams]
    travelling = [Running(traveller.travel) for traveller in (*writers, *readers)]
    for journey in travelling:
        journey.result()
    assert [reader.received == sent for reader, sent in zip(readers, data, strict=True)] == [True] * len(data)
    assert sum(traveller.stints for traveller in (*writers, *readers)) > 100
    assert any(reader.interrupted for reader in readers)
    for stream in streams:
        if not isinstance(stream.reader, TlsChannel):  # which has an epoll set of its own
            assert registered(number_of(stream.reader)) == 0
        stream.close()
