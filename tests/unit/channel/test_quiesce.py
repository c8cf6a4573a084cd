"""Quiesce and resume at their edges: an answer under way, asked for early, twice, or by many at once."""

import threading

import pytest

from prhelper.channel import Direction, run

from .contexts import Context, Running
from .kinds import Pair, drain
from .watching import Waits


def test_an_answer_that_is_being_written_is_finished_first(
    pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    answer = bytes(range(250)) * 400

    async def converse() -> int:
        served = 0
        while await pair.reader.next_message():
            await pair.reader.read_exactly(3)
            await pair.reader.write_all([answer])
            served += 1
        return served

    serving = context.start(converse)
    pair.writer.writev([b"ask"])
    waits.next(Direction.WRITE)
    pair.reader.quiesce()
    assert other.run(lambda: pair.writer.read_exactly(len(answer))) == answer
    assert serving.result() == 1


def test_a_waiting_writer_is_not_woken(pair: Pair, context: Context, waits: Waits) -> None:
    message = bytes(100_000)
    writing = context.start(lambda: pair.writer.write_all([message]))
    begun = waits.next(Direction.WRITE)
    pair.writer.quiesce()
    assert not begun.woken
    assert run(pair.reader.read_exactly(len(message))) == message
    writing.result()


def test_asked_for_before_the_wait_it_ends_it_at_once(pair: Pair, context: Context) -> None:
    pair.reader.quiesce()
    assert context.run(pair.reader.next_message) is False
    assert context.run(pair.reader.next_message) is False


def test_only_waits_for_a_message_are_refused(pair: Pair, context: Context) -> None:
    pair.reader.quiesce()
    pair.writer.writev([b"data"])
    context.run(lambda: pair.reader.wait(Direction.READ))
    assert context.run(lambda: pair.reader.read_exactly(4)) == b"data"


def test_resume_without_quiesce_and_twice_is_harmless(pair: Pair, context: Context) -> None:
    pair.writer.writev([b"data"])
    for _ in range(2):
        pair.reader.resume()
        assert context.run(pair.reader.next_message) is True


def test_each_quiesce_leaves_one_message_and_each_resume_takes_it_back(pair: Pair, context: Context) -> None:
    pair.writer.writev([b"data"])
    for _ in range(3):
        pair.reader.quiesce()
        pair.reader.quiesce()
        assert [context.run(pair.reader.next_message) for _ in range(3)] == [True, False, False]
        pair.reader.resume()
    assert drain(pair.reader) == b"data"


def test_a_conversation_may_quiesce_itself(pair: Pair, context: Context) -> None:
    async def converse() -> list[bytes]:
        messages = []
        while await pair.reader.next_message():
            messages.append(await pair.reader.read_exactly(3))
            if messages[-1] == b"end":
                pair.reader.quiesce()
        return messages

    pair.writer.writev([b"oneend"])
    assert context.run(converse) == [b"one", b"end"]


@pytest.mark.parametrize("deed", ["quiesce", "wake_read"])
def test_many_threads_may_ask_at_once(pair: Pair, context: Context, waits: Waits, deed: str) -> None:
    barrier = threading.Barrier(8, timeout=20)

    def ask() -> None:
        barrier.wait()
        getattr(pair.reader, deed)()

    waiting = context.start(lambda: pair.reader.wait(Direction.READ))
    waits.next()
    for asking in [Running(ask) for _ in range(8)]:
        asking.result()
    waiting.result()
    pair.writer.writev([b"x"])
    assert context.run(lambda: pair.reader.read(1)) == b"x"


def test_quiesced_at_once_a_reader_stops_inside_a_message_and_what_comes_stays(
    pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    async def read() -> list[bytes | None]:
        return [await pair.reader.read_on(4, None, None) for _ in range(2)]

    reading = context.start(read)
    waits.next(Direction.READ)
    pair.writer.writev([b"ha"])
    waits.next(Direction.READ)
    pair.reader.quiesce(at_once=True)
    assert reading.result() == [b"ha", None]
    pair.writer.writev([b"lf"])
    assert other.run(pair.reader.next_message) is False
    pair.reader.resume()
    assert other.run(lambda: pair.reader.read_exactly(2)) == b"lf"


def test_quiesced_between_messages_a_reader_inside_one_goes_on(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read_on(4, None, None))
    waits.next(Direction.READ)
    pair.reader.quiesce()
    pair.writer.writev([b"half"])
    assert reading.result() == b"half"
