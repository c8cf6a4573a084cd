"""How much of the main thread's time those who ask can get."""

import time

import anyio

from prhelper.control.turns import SHARE, Turns


def test_much_work_is_followed_by_a_pause_and_little_work_by_none() -> None:
    async def work() -> tuple[float, float]:
        turns = Turns()
        async with turns.turn():
            pass
        async with turns.turn():
            began = time.thread_time()
            while time.thread_time() < began + 0.02:
                pass
        ended = time.monotonic()
        async with turns.turn():
            return time.monotonic() - ended, 0.02 * (1 / SHARE - 1)

    waited, least = anyio.run(work)
    assert waited >= 0.9 * least


def test_turns_are_taken_one_at_a_time_and_in_order() -> None:
    taken: list[int] = []

    async def take(turns: Turns, number: int) -> None:
        async with turns.turn():
            taken.append(number)
            await anyio.sleep(0)
            taken.append(number)

    async def take_all() -> None:
        turns = Turns()
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(take, turns, number)

    anyio.run(take_all)
    assert taken == [0, 0, 1, 1, 2, 2]
