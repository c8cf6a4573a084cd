"""The watches of a home loop by themselves, begun and ended in orders that a channel's waits seldom hit."""

import gc
import socket
import weakref
from collections.abc import Iterator

import anyio
import pytest

from prhelper.channel import Direction, EventFd, HomeLoop, Waiter
from prhelper.channel.home import HomeWatch

from .contexts import PATIENCE, Context

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def make(ends: Ends, news: EventFd, finished: list[str]) -> HomeWatch:
    waiter = Waiter(ends[0].fileno(), Direction.READ, None)
    return HomeWatch(waiter, news, lambda: finished.append("finished"))


def test_a_watch_waits_for_the_one_before_it(ends: Ends, loop: Context) -> None:
    finished: list[str] = []

    async def body() -> None:
        with EventFd() as first_news, EventFd() as second_news:
            first, second = make(ends, first_news, finished), make(ends, second_news, finished)
            async with HomeLoop() as home:
                home.watch(first)
                home.watch(second)
                await anyio.wait_all_tasks_blocked()
                assert not finished
                ends[1].send(b"x")
                with anyio.fail_after(PATIENCE):
                    await anyio.wait_readable(second_news.fileno())
            assert (first.error, second.error) == (None, None)

    loop.run(body)
    assert finished == ["finished"] * 2


def test_a_watch_that_is_ended_before_it_began_is_over_at_once(ends: Ends, loop: Context) -> None:
    finished: list[str] = []

    async def body() -> None:
        with EventFd() as news:
            watch = make(ends, news, finished)
            async with HomeLoop() as home:
                home.watch(watch)
                home.end(watch)
                with anyio.fail_after(PATIENCE):
                    await anyio.wait_readable(news.fileno())
                home.end(watch)
            assert watch.error is None

    loop.run(body)
    assert finished == ["finished"]


def test_a_watch_that_comes_too_late_is_refused_and_one_that_comes_last_is_finished(ends: Ends, loop: Context) -> None:
    finished: list[str] = []

    async def body() -> None:
        with EventFd() as news:
            last, late = make(ends, news, finished), make(ends, news, finished)
            async with HomeLoop() as home:
                home.watch(last)
            with pytest.raises(RuntimeError, match="has ended"):
                home.watch(late)
            assert isinstance(last.error, RuntimeError)

    loop.run(body)
    assert finished == ["finished"]


def test_a_watch_that_is_over_is_forgotten(ends: Ends, loop: Context) -> None:
    async def body() -> None:
        async with HomeLoop() as home:
            for _ in range(2):
                with EventFd() as news:
                    watch = make(ends, news, [])
                    home.watch(watch)
                    ends[1].send(b"x")
                    with anyio.fail_after(PATIENCE):
                        await anyio.wait_readable(news.fileno())
                    ends[0].recv(1)
            await anyio.wait_all_tasks_blocked()
            known = weakref.ref(watch)
            del watch
            gc.collect()
            assert known() is None

    loop.run(body)
