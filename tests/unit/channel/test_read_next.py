"""The first bytes of the next message: read as any other context reads them, or, where a context is for nobody else,
by a read that blocks for a moment in place of the wait."""

import os
import threading
from collections.abc import Iterator

import pytest

from prhelper.channel import Direction, OwnedFd, SkippableWaiter, Waiter

from .contexts import Context, Stepper, sit_out
from .kinds import Pair


def test_the_first_bytes_of_a_message_and_no_more(each_pair: Pair, context: Context) -> None:
    each_pair.writer.writev([b"first and rest"])
    assert context.run(lambda: each_pair.reader.read_next(5)) == b"first"
    assert context.run(lambda: each_pair.reader.read(9)) == b" and rest"


def test_nothing_at_the_end(pair: Pair, context: Context) -> None:
    pair.writer.close()
    assert context.run(lambda: pair.reader.read_next(5)) == b""


def test_none_once_quiesced_but_for_the_message_that_is_there(each_pair: Pair, context: Context) -> None:
    each_pair.writer.writev([b"one"])
    context.run(lambda: each_pair.reader.wait(Direction.READ))
    each_pair.reader.quiesce()
    assert [context.run(lambda: each_pair.reader.read_next(5)) for _ in range(3)] == [b"one", None, None]


def test_a_read_in_vain_waits_again(each_pair: Pair, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looked readable need not be: half a TLS record, or bytes that another process has taken."""

    def in_vain_once(size: int, fds: list[OwnedFd] | None) -> bytes | None:
        reads.append(size)
        return None if len(reads) == 1 else read(size, fds)

    reads: list[int] = []
    read = each_pair.reader._read
    monkeypatch.setattr(each_pair.reader, "_read", in_vain_once)
    each_pair.writer.writev([b"one"])
    assert context.run(lambda: each_pair.reader.read_next(5)) == b"one"
    assert reads == [5, 5]


@pytest.fixture
def reading(pair: Pair) -> Iterator[tuple[Stepper, SkippableWaiter, list[OwnedFd]]]:
    """A bare coroutine that has asked for a wait before it reads."""
    fds: list[OwnedFd] = []
    stepper = Stepper(pair.reader.read_next(5, fds))
    waiter = stepper.step()
    assert isinstance(waiter, SkippableWaiter)
    yield stepper, waiter, fds
    for fd in fds:
        fd.close()


def test_a_skipped_wait_makes_the_read_block(
    pair: Pair, reading: tuple[Stepper, SkippableWaiter, list[OwnedFd]]
) -> None:
    stepper, waiter, fds = reading
    waiter.skip()
    with open(os.devnull, "rb") as file:  # noqa: PTH123
        writing = threading.Thread(target=pair.writer.writev, args=([b"first"], [file.fileno()]))
        writing.start()
        while (waiter := stepper.step()) is not None:  # as often as it takes the other thread to begin
            waiter.skip()
        writing.join()
    assert stepper.result == b"first"
    assert len(fds) == 1


def test_a_blocking_read_in_vain_asks_for_a_wait_again(
    pair: Pair, reading: tuple[Stepper, SkippableWaiter, list[OwnedFd]]
) -> None:
    stepper, waiter, _ = reading
    waiter.skip()
    again = stepper.step()
    assert isinstance(again, Waiter)
    assert pair.reader.read_now(5) is None  # and this one does not block
    pair.writer.writev([b"later"])
    sit_out(again)
    assert stepper.step() is None
    assert stepper.result == b"later"


def test_quiesce_during_a_blocking_read_ends_it(
    pair: Pair, reading: tuple[Stepper, SkippableWaiter, list[OwnedFd]]
) -> None:
    stepper, waiter, _ = reading
    waiter.skip()
    pair.reader.quiesce()
    assert stepper.step() is None
    assert stepper.ended
    assert stepper.result is None


def test_no_other_wait_may_be_skipped(pair: Pair) -> None:
    for deed in pair.reader.next_message(), pair.reader.read(1), pair.reader.read_exactly(1):
        stepper = Stepper(deed)
        assert not isinstance(stepper.step(), SkippableWaiter)
        deed.close()
