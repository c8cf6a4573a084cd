"""Choosing between following and a home loop, and what the refusals say."""

from contextlib import AbstractContextManager

import anyio
import pytest

from prhelper.channel import HomeLoop, Waiter, home, run

from .contexts import Context, Stepper
from .kinds import Pair
from .watching import is_open, number_of, registered


def test_a_home_loop_needs_an_event_loop(pair: Pair) -> None:
    home_loop = HomeLoop()

    async def enter() -> None:
        async with home_loop:
            pass

    with pytest.raises(RuntimeError, match="home loop"):
        run(enter())
    pair.reader.home = home_loop
    with pytest.raises(RuntimeError, match="never entered"):
        run(pair.reader.read(1))


def test_without_its_home_a_channel_follows_its_coroutines_again(pair: Pair) -> None:
    pair.reader.home = HomeLoop()
    pair.reader.home = None
    pair.writer.writev([b"x"])
    assert run(pair.reader.read(2)) == b"x"


def test_a_wait_at_home_for_which_no_flag_can_be_opened_leaks_nothing(
    pair: Pair, loop: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(24, "Too many open files")

    async def body() -> None:
        async with HomeLoop() as home_loop:
            pair.reader.home = home_loop
            await pair.reader.read(1)

    fd = number_of(pair.reader)
    monkeypatch.setattr(home, "EventFd", refuse)
    with pytest.raises(OSError, match="Too many"):
        loop.run(body)
    pair.reader.close()
    assert not is_open(fd)


@pytest.mark.parametrize(
    ("news", "told"),
    [(None, pytest.raises(RuntimeError, match="ended")), (TimeoutError(), pytest.raises(TimeoutError))],
    ids=["woken", "too late"],
)
def test_who_goes_on_only_after_the_home_loop_and_its_event_loop_are_gone_is_told(
    pair: Pair, loop: Context, news: BaseException | None, told: AbstractContextManager[object]
) -> None:
    stepper = Stepper(pair.reader.read(1))

    async def body() -> None:
        async with HomeLoop() as home_loop:
            pair.reader.home = home_loop
            assert isinstance(stepper.step(), Waiter)
            await anyio.wait_all_tasks_blocked()
            assert registered(number_of(pair.reader))

    loop.run(body)
    with told:
        stepper.step(fault=news)
