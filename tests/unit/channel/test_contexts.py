"""Which context a coroutine finds itself in, blocking calls in each of them, and what a plain thread cannot do."""

import asyncio
import threading
import time

import anyio
import pytest

from prhelper.channel import Call, current_context, run, stepping

from .contexts import LOOPS, Context, Running, Stepper


async def call(function: object) -> object:
    assert callable(function)
    return await current_context().call("key", function)


def test_a_blocking_call_returns_its_result_in_every_context(context: Context) -> None:
    assert context.run(lambda: call(lambda: 42)) == 42


def test_a_blocking_call_raises_what_it_raised_in_every_context(context: Context) -> None:
    def fail() -> None:
        raise LookupError("the call's own")

    with pytest.raises(LookupError, match="the call's own"):
        context.run(lambda: call(fail))


def test_a_stepper_is_asked_to_make_the_call_itself() -> None:
    stepper = Stepper(call(lambda: 42))
    request = stepper.step()
    assert isinstance(request, Call)
    assert (request.key, request.function()) == ("key", 42)
    stepper.step("anything")
    assert stepper.result == "anything"


def test_a_blocking_call_does_not_hold_up_the_loop_and_any_number_go_at_once(loop: Context) -> None:
    everybody = threading.Barrier(45, timeout=20)  # anyio lets forty calls go at once

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(45):
                tasks.start_soon(call, everybody.wait)

    loop.run(body)


def test_a_call_that_has_begun_is_not_cut_off(loop: Context) -> None:
    done: list[str] = []

    async def body() -> None:
        begun, finish = threading.Event(), threading.Event()

        def slowly() -> None:
            begun.set()
            assert finish.wait(20)
            done.append("done")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, slowly)
            await anyio.to_thread.run_sync(begun.wait)
            tasks.cancel_scope.cancel()
            finish.set()

    loop.run(body)
    assert done == ["done"]


def test_steppers_may_nest_and_end(loop: Context) -> None:
    async def body() -> list[str]:
        seen = [type(current_context()).__name__]
        with stepping():
            with stepping():
                seen.append(type(current_context()).__name__)
            seen.append(type(current_context()).__name__)
        seen.append(type(current_context()).__name__)
        return seen

    assert loop.run(body) == ["_Loop", "_Bare", "_Bare", "_Loop"]


def test_each_thread_has_its_own_context(loop: Context) -> None:
    async def body() -> object:
        with stepping():
            return Running(lambda: type(current_context()).__name__).result()

    assert loop.run(body) == "_Thread"


@pytest.mark.parametrize("place", LOOPS, ids=repr)
def test_running_in_a_thread_that_has_a_loop_is_refused(place: Context) -> None:
    async def body() -> None:
        with pytest.raises(RuntimeError, match="await the coroutine"):
            run(asyncio.sleep(0))

    place.run(body)


def test_running_under_a_stepper_is_refused() -> None:
    with stepping(), pytest.raises(RuntimeError, match="without an event loop"):
        run(asyncio.sleep(0))


def test_a_plain_thread_cannot_wait_for_what_only_a_loop_provides() -> None:
    cleaned: list[str] = []

    async def body() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            cleaned.append("cleaned")

    coroutine = body()  # kept, so that nothing but `run` can have closed it
    with pytest.raises(RuntimeError, match="other than a channel"):
        run(coroutine)
    assert cleaned == ["cleaned"]


def test_a_plain_thread_passes_results_and_faults_on() -> None:
    async def fail() -> None:
        raise LookupError("the coroutine's own")

    async def succeed() -> float:
        return time.monotonic()

    assert run(succeed()) > 0
    with pytest.raises(LookupError, match="own"):
        run(fail())
