"""A conversation that moves: from loop to loop, from thread to thread, and at rest in between (quiesce and resume)."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from prhelper.channel import ClosedResourceError, Direction, SocketChannel, Waiter, run

from .contexts import CONTEXTS, PATIENCE, Context, Running, Stepper, sit_out
from .kinds import Pair
from .watching import Waits, registered


def test_each_message_may_be_read_in_another_context(pair: Pair, waits: Waits) -> None:
    for number, place in enumerate(itertools.islice(itertools.cycle(CONTEXTS), 12)):
        message = b"message %2d" % number
        reading = place.start(lambda: pair.reader.read_exactly(10))
        waits.next()
        pair.writer.writev([message])
        assert reading.result() == message


def test_each_message_may_be_written_in_another_context(pair: Pair) -> None:
    places = list(itertools.islice(itertools.cycle(CONTEXTS), 12))
    reading = Running(lambda: CONTEXTS[2].run(lambda: pair.reader.read_exactly(12 * 9000)))
    for number, place in enumerate(places):
        place.run(lambda number=number: pair.writer.write_all([bytes([number]) * 9000]))  # type: ignore[misc]
    assert reading.result() == b"".join(bytes([number]) * 9000 for number in range(12))


def test_one_coroutine_is_stepped_on_by_another_thread_after_each_wait(pair: Pair) -> None:
    threads: list[int] = []

    async def converse() -> bytes:
        conversation = b""
        for _ in range(8):
            conversation += await pair.reader.read_exactly(2)
            threads.append(threading.get_ident())
        return conversation

    def sit_out_and_step(request: object) -> object:
        assert isinstance(request, Waiter)
        sit_out(request)
        return stepper.step()

    text = b"sixteen bytes it"
    stepper = Stepper(converse())
    request = stepper.step()
    with contextlib.ExitStack() as pools:
        for byte in text:  # the threads live on, so that none is given the identity of an earlier one
            pair.writer.writev([bytes([byte])])
            pool = pools.enter_context(ThreadPoolExecutor(1))
            request = pool.submit(sit_out_and_step, request).result(PATIENCE)
    assert stepper.result == text
    assert len(set(threads)) == 8


def test_a_stepper_comes_before_the_loop_of_its_thread(pair: Pair, loop: Context) -> None:
    async def step_in_a_loop() -> object:
        stepper = Stepper(pair.reader.read(1))
        request = stepper.step()
        assert isinstance(request, Waiter)
        pair.writer.writev([b"x"])
        assert stepper.step() is None
        return stepper.result

    assert loop.run(step_in_a_loop) == b"x"


async def count_messages(pair: Pair, into: list[bytes]) -> bool:
    """Read messages of four bytes until quiesced (True) or ended (False)."""
    while await pair.reader.next_message():
        if (message := await pair.reader.read_exactly_or_eof(4)) is None:
            return False
        into.append(message)
    return True


def test_quiesce_ends_the_wait_for_a_message_and_leaves_nothing(pair: Pair, context: Context, waits: Waits) -> None:
    waiting = context.start(pair.reader.next_message)
    fd = waits.next().fd
    pair.reader.quiesce()
    assert waiting.result() is False
    assert registered(fd) == 0


def test_one_message_that_had_arrived_is_still_read_and_the_rest_stays_for_who_resumes(
    pair: Pair, context: Context, other: Context
) -> None:
    messages: list[bytes] = []
    pair.writer.writev([b"one.two.tre."])
    pair.writer.close()
    for read in (b"one.", b"two."):
        pair.reader.quiesce()
        assert context.run(lambda: count_messages(pair, messages)) is True
        assert messages.pop() == read
        assert not messages
        pair.reader.resume()
    assert other.run(lambda: count_messages(pair, messages)) is False
    assert messages == [b"tre."]


def test_a_peer_that_never_falls_silent_does_not_put_quiesce_off(pair: Pair, context: Context, waits: Waits) -> None:
    messages: list[bytes] = []

    async def talk() -> None:
        while True:
            await pair.writer.write_all([b"talk"])

    talking = context.start(talk)
    waits.next(Direction.WRITE)
    pair.reader.quiesce()
    assert context.run(lambda: count_messages(pair, messages)) is True
    assert messages == [b"talk"]
    pair.writer.close()
    assert isinstance(talking.fault(), ClosedResourceError)


def test_the_end_too_is_something_that_had_arrived(pair: Pair, context: Context) -> None:
    pair.writer.close()
    pair.reader.quiesce()
    assert context.run(lambda: count_messages(pair, [])) is False


def test_what_a_kind_has_kept_for_itself_had_arrived_too(context: Context, waits: Waits) -> None:
    class Keeping(SocketChannel):
        kept = False

        def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:  # type: ignore[override]
            return None if self.kept else super()._wait_on(direction)

    near, far = socket.socketpair()
    with far, Keeping(near) as channel:
        waiting = context.start(channel.next_message)
        waits.next()
        channel.kept = True
        channel.quiesce()
        assert waiting.result() is True


def test_quiesce_in_the_middle_of_a_message_lets_it_be_finished(pair: Pair, context: Context, waits: Waits) -> None:
    messages: list[bytes] = []
    counting = context.start(lambda: count_messages(pair, messages))
    waits.next()
    pair.writer.writev([b"ha"])
    waits.next()
    pair.reader.quiesce()
    waits.next()
    pair.writer.writev([b"lf"])
    assert counting.result() is True
    assert messages == [b"half"]


def test_resume_continues_in_another_context_without_losing_a_byte(context: Context, other: Context) -> None:
    pair = Pair(*map(SocketChannel, socket.socketpair()))  # with room for all, since nobody reads for a while
    sent = [b"%4d" % number for number in range(40)]
    messages: list[bytes] = []
    places: Iterator[Context] = itertools.cycle([context, other])
    moves = 0
    counting = next(places).start(lambda: count_messages(pair, messages))
    for number, message in enumerate(sent):
        run(pair.writer.write_all([message[:3]]))
        if number % 5 == 0:
            pair.reader.quiesce()
        run(pair.writer.write_all([message[3:]]))
        if number % 5 == 0:
            assert counting.result() is True
            pair.reader.resume()
            counting = next(places).start(lambda: count_messages(pair, messages))
            moves += 1
    pair.writer.close()
    assert counting.result() is False
    assert messages == sent
    assert moves == 8
    pair.close()


def test_a_wake_alone_is_no_message(pair: Pair, context: Context, waits: Waits) -> None:
    waiting = context.start(pair.reader.next_message)
    for _ in range(3):
        waits.next()
        pair.reader.wake_read()
    waits.next()
    pair.writer.writev([b"x"])
    assert waiting.result() is True


def test_closing_a_quiesced_channel_says_closed(pair: Pair, context: Context) -> None:
    pair.reader.quiesce()
    pair.reader.close()
    with pytest.raises(ClosedResourceError):
        context.run(pair.reader.next_message)
