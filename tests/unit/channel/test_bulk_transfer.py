"""Much more data than a socket buffer holds, between a reader and a writer in any two contexts."""

import pytest

from prhelper.channel import Direction, TlsChannel

from .contexts import Context
from .kinds import Pair

pytestmark = pytest.mark.slow

VECTORS = 250
SIZE = 4194  # no multiple of anything, so that every vector is cut somewhere else
PATTERN = [bytes((number + place) % 253 for place in range(SIZE)) for number in range(VECTORS)]


async def send_all(pair: Pair) -> None:
    await pair.writer.write_all(PATTERN)
    if isinstance(pair.writer, TlsChannel):
        await pair.writer.bye()  # what `close` has to say may not fit in
    pair.writer.close()


async def receive_by_vectors(pair: Pair) -> bytes:
    received = bytearray()
    buffers = [bytearray(1000), bytearray(1), bytearray(3193)]
    while (count := pair.reader.readv(buffers)) != 0:
        if count is None:
            await pair.reader.wait(Direction.READ)
        else:
            received += b"".join(buffers)[:count]
    return bytes(received)


def test_250_vectors_arrive_whole(each_pair: Pair, context: Context, other: Context) -> None:
    writing = other.start(lambda: send_all(each_pair))
    received = context.run(lambda: receive_by_vectors(each_pair))
    writing.result()
    assert received == b"".join(PATTERN)


def test_both_ends_may_talk_at_once_each_with_its_two_coroutines_elsewhere(
    pair: Pair, context: Context, other: Context
) -> None:
    data = b"".join(PATTERN[:60])
    writers = [other.start(lambda end=end: end.write_all([data])) for end in (pair.reader, pair.writer)]  # type: ignore[misc]
    readers = [context.start(lambda end=end: end.read_exactly(len(data))) for end in (pair.reader, pair.writer)]  # type: ignore[misc]
    assert [reading.result() for reading in readers] == [data, data]
    for writing in writers:
        writing.result()
