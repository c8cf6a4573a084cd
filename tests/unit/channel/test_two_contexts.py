"""Every kind, with its reader in one context and its writer in another, and a peer that is clogged, slow or gone."""

import pytest

from prhelper.channel import BrokenResourceError, ClosedResourceError, Direction, IncompleteRead

from .contexts import Context
from .kinds import KINDS, Kind, Pair, clog
from .watching import Waits

MUCH = 300_000
"""More bytes than any of the channels holds."""


def test_a_clogged_writer_goes_on_as_the_reader_reads(
    each_pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    clogged = clog(each_pair.writer)
    writing = other.start(lambda: each_pair.writer.write_all([b"head", b"x" * MUCH, b"tail"]))
    waits.next(Direction.WRITE)
    heard = context.run(lambda: each_pair.reader.read_exactly(clogged + MUCH + 8))
    writing.result()
    assert heard[clogged:] == b"head" + b"x" * MUCH + b"tail"


def test_what_trickles_in_is_collected(each_pair: Pair, context: Context, other: Context, waits: Waits) -> None:
    reading = context.start(lambda: each_pair.reader.read_exactly_or_eof(6))
    for byte in b"drop\nx":
        waits.next()
        other.run(lambda byte=byte: each_pair.writer.write_all([bytes([byte])]))  # type: ignore[misc]
    assert reading.result() == b"drop\nx"


def test_a_writer_that_closes_in_the_middle_of_a_message_leaves_it_incomplete(
    each_pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    async def say_half() -> None:
        with each_pair.writer as writer:
            await writer.write_all([b"half"])

    reading = context.start(lambda: each_pair.reader.read_exactly(8))
    waits.next()
    other.run(say_half)
    assert isinstance(reading.fault(), IncompleteRead)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.cut], ids=lambda kind: kind.name)
def test_a_writer_that_vanishes_is_no_clean_end(kind: Kind, context: Context, other: Context, waits: Waits) -> None:
    async def vanish() -> None:
        await pair.writer.write_all([b"half"])
        assert kind.cut is not None
        kind.cut(pair)

    pair = kind.make()
    reading = context.start(lambda: pair.reader.read_exactly(8))
    waits.next()
    other.run(vanish)
    assert isinstance(reading.fault(), BrokenResourceError)
    pair.close()


def test_a_reader_that_closes_breaks_the_clogged_writer(
    each_pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    async def hang_up() -> None:
        await each_pair.reader.read_exactly(100)
        each_pair.reader.close()

    writing = other.start(lambda: each_pair.writer.write_all([bytes(MUCH)]))
    waits.next(Direction.WRITE)
    context.run(hang_up)
    assert isinstance(writing.fault(), BrokenResourceError)


@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
def test_closing_ones_own_end_wakes_who_waits_elsewhere(
    each_pair: Pair, context: Context, other: Context, waits: Waits, direction: Direction
) -> None:
    async def close() -> None:
        channel.close()

    channel = each_pair.reader if direction is Direction.READ else each_pair.writer
    if direction is Direction.WRITE:
        clog(channel)
    waiting = context.start(
        lambda: channel.write_all([bytes(MUCH)]) if direction is Direction.WRITE else channel.read(1)
    )
    waits.next(direction)
    other.run(close)
    assert isinstance(waiting.fault(), ClosedResourceError)
