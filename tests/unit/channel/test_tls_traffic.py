"""TLS: bytes both ways, with reader and writer anywhere, cancelled or woken, and what counts as a message."""

import io
from collections.abc import Iterator
from random import Random

import anyio
import pytest

from prhelper.channel import Channel, ClosedResourceError, Direction, HomeLoop, Waiter, is_ready, run

from .contexts import Context, Stepper
from .kinds import Pair, clog, unix_pair
from .tls_ends import connected
from .trickle import Trickle
from .watching import Waits

pytestmark = pytest.mark.slow

MUCH = bytes(place % 251 for place in range(300_000))


@pytest.fixture
def pair() -> Iterator[Pair]:
    inner = unix_pair()
    made = Pair(*connected(inner.reader, inner.writer))
    yield made
    made.close()


def test_a_message_is_whole_at_the_peer_although_nothing_follows(pair: Pair, context: Context, other: Context) -> None:
    reading = context.start(lambda: pair.reader.read_exactly(len(MUCH)))
    other.run(lambda: pair.writer.write_all([MUCH]))
    assert reading.result() == MUCH


def test_what_writev_could_not_send_goes_out_while_the_same_end_waits_to_read(
    pair: Pair, context: Context, other: Context
) -> None:
    clogged = clog(pair.writer)
    reading = context.start(lambda: pair.writer.read_exactly(6))
    assert len(other.run(lambda: pair.reader.read_exactly(clogged))) == clogged
    pair.reader.writev([b"answer"])
    assert reading.result() == b"answer"


def test_what_a_cancelled_writer_leaves_is_sent_by_a_reader_that_waited_already(
    pair: Pair, loop: Context, context: Context, waits: Waits
) -> None:
    reading = context.start(lambda: pair.writer.read(1))
    waits.next()
    sent = clog(pair.writer)

    async def write_in_vain() -> None:
        with anyio.move_on_after(0.01):
            await pair.writer.write_all([b"in vain"])

    loop.run(write_in_vain)
    assert len(run(pair.reader.read_exactly(sent))) == sent
    pair.reader.close()
    assert reading.result() == b""


@pytest.mark.parametrize("seed", range(3))
def test_cancelled_at_any_wait_nothing_is_lost_or_sent_twice(pair: Pair, loop: Context, seed: int) -> None:
    """Both ends write and read, and each wait may be cancelled; who wrote by `writev` knows how much went."""
    random = Random(seed)
    received: dict[Channel, bytearray] = {pair.reader: bytearray(), pair.writer: bytearray()}

    async def write(end: Channel) -> None:
        rest = memoryview(MUCH)
        while rest or end.writev([b""]) is None:
            with anyio.CancelScope(deadline=soon()):
                if (count := end.writev([rest[: random.randrange(1, 40_000)]])) is None:
                    await end.wait(Direction.WRITE)
                else:
                    rest = rest[count:]

    async def read(end: Channel) -> None:
        while len(received[end]) < len(MUCH):
            with anyio.CancelScope(deadline=soon()):
                received[end] += await end.read(random.randrange(1, 40_000))

    def soon() -> float:
        return anyio.current_time() + random.choice([0, 0.0002, 60])

    async def talk() -> None:
        async with anyio.create_task_group() as tasks:
            for end in received:
                tasks.start_soon(write, end)
                tasks.start_soon(read, end)

    loop.run(talk)
    assert list(received.values()) == [MUCH, MUCH]


def test_a_clogged_writer_is_not_woken_by_what_there_is_to_read(pair: Pair) -> None:
    clog(pair.writer)
    writing = Stepper(pair.writer.write_all([b"x"]))
    pair.reader.writev([b"to read"])
    waiter = writing.step()
    assert isinstance(waiter, Waiter)
    assert not is_ready(waiter.fd, waiter.direction)
    pair.writer.close()
    with pytest.raises(ClosedResourceError):
        writing.step()


def test_a_cancelled_writer_leaves_its_ciphertext_whole(pair: Pair, loop: Context, context: Context) -> None:
    sent = clog(pair.writer)

    async def write_in_vain() -> None:
        with anyio.move_on_after(0.01) as scope:
            await pair.writer.write_all([b"in vain"])
        assert scope.cancelled_caught

    for _ in range(3):
        loop.run(write_in_vain)
    writing = loop.start(lambda: pair.writer.write_all([b"then this"]))
    data = context.run(lambda: pair.reader.read_exactly(sent + 9))
    writing.result()
    assert data[sent:] == b"then this"


def test_nothing_that_is_no_plaintext_counts_as_a_message(pair: Pair, context: Context, waits: Waits) -> None:
    # The client has its session tickets before it, and no message.
    waiting = context.start(pair.reader.next_message)
    waits.next()
    pair.reader.quiesce()
    assert waiting.result() is False
    assert context.run(pair.reader.next_message) is False
    pair.reader.resume()
    pair.writer.writev([b"one."])
    pair.reader.quiesce()
    assert context.run(pair.reader.next_message) is True
    assert context.run(lambda: pair.reader.read_exactly(4)) == b"one."


def test_half_a_record_is_no_message(context: Context) -> None:
    inner = unix_pair()
    client, server = connected(Trickle(inner.reader, 7), inner.writer)  # it has its tickets before it
    with client, server:
        client.quiesce()
        assert context.run(client.next_message) is False


def test_messages_that_came_in_one_record_are_each_there_at_once(pair: Pair, context: Context) -> None:
    pair.writer.writev([b"one.two."])

    async def converse() -> list[bytes]:
        messages = []
        for _ in range(2):
            assert await pair.reader.next_message()
            messages.append(await pair.reader.read_exactly(4))
        return messages

    assert context.run(converse) == [b"one.", b"two."]


def test_wake_read_ends_a_wait_with_ciphertext_unsent(pair: Pair, context: Context, waits: Waits) -> None:
    clog(pair.writer)
    waiting = context.start(lambda: pair.writer.wait(Direction.READ))
    waits.next()
    pair.writer.wake_read()
    waiting.result()


def test_descriptors_are_refused(pair: Pair) -> None:
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        pair.writer.writev([b"x"], [0])
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        pair.reader.readv([bytearray(1)], [])


def test_a_home_loop_waits_for_tls_as_well(pair: Pair, loop: Context, context: Context) -> None:
    async def at_home() -> bytes:
        async with HomeLoop() as home:
            pair.reader.home = home
            reading = context.start(lambda: pair.reader.read_exactly(len(MUCH)))
            writing = context.start(lambda: pair.writer.write_all([MUCH]))
            await anyio.to_thread.run_sync(writing.result)
            return await anyio.to_thread.run_sync(reading.result)

    assert loop.run(at_home) == MUCH
