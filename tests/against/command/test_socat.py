"""socat between a command channel and a socket channel: two pipes here, one socket there."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prhelper.channel import (
    BrokenResourceError,
    CommandChannel,
    Direction,
    EndOfStream,
    SocketChannel,
    UnixListener,
    run,
)

from ...unit.channel.contexts import CONTEXTS, Context

Connect = Callable[[Path], CommandChannel]
Ends = tuple[CommandChannel, SocketChannel]


@pytest.fixture
def ends(tmp_path: Path, socat: Connect) -> Iterator[Ends]:
    """The command channel, and the socket channel that socat has connected it to."""
    with (
        run(UnixListener.bind(tmp_path / "socket")) as listener,
        socat(listener.path) as near,
        run(listener.accept()) as far,
    ):
        yield near, far


def test_megabytes_pass_both_ways_at_once(ends: Ends, context: Context, other: Context) -> None:
    there, back = os.urandom(1 << 20), os.urandom(1 << 20)
    near, far = ends
    writing = [context.start(lambda: near.write_all([there])), other.start(lambda: far.write_all([back]))]
    echo = other.start(lambda: near.read_exactly(len(back)))
    assert context.run(lambda: far.read_exactly(len(there))) == there
    assert echo.result() == back
    for running in writing:
        running.result()
    context.run(near.aclose)
    assert near.returncode == 0
    assert other.run(lambda: far.read_exactly_or_eof(1)) is None


def test_a_request_and_its_answer_each_in_the_next_context(ends: Ends) -> None:
    near, far = ends
    for number in range(24):
        here, there = CONTEXTS[number % 4], CONTEXTS[number // 4 % 4]
        question = b"question %3d" % number
        answering = there.start(lambda: far.read_exactly(12))
        here.run(lambda question=question: near.write_all([question]))  # type: ignore[misc]
        assert answering.result() == question
        asking = here.start(lambda: near.read_exactly(10))
        there.run(lambda number=number: far.write_all([b"answer %3d" % number]))  # type: ignore[misc]
        assert asking.result() == b"answer %3d" % number


def test_the_far_end_s_end_is_a_clean_end_here_and_socat_leaves_by_itself(ends: Ends, context: Context) -> None:
    near, far = ends
    run(far.write_all([b"last words"]))
    far.shutdown(Direction.WRITE)
    assert context.run(lambda: near.read_exactly(10)) == b"last words"
    with pytest.raises(EndOfStream):
        context.run(lambda: near.read_exactly(1))
    context.run(near.aclose)
    assert near.returncode == 0


def test_a_socat_that_is_killed_leaves_an_end_to_read_and_nobody_to_write_to(ends: Ends, context: Context) -> None:
    near, far = ends
    reading = context.start(lambda: near.read_exactly_or_eof(1))
    os.kill(near.pid, signal.SIGKILL)
    assert reading.result() is None
    assert run(far.read_exactly_or_eof(1)) is None
    with pytest.raises(BrokenResourceError):
        context.run(lambda: near.write_all([bytes(1 << 20)]))  # a pipe's fill may go before the kernel has closed it
    context.run(near.aclose)
    assert near.returncode == -signal.SIGKILL


def test_a_socat_with_nobody_to_connect_to_ends_at_once_and_says_so(
    tmp_path: Path, socat: Connect, context: Context
) -> None:
    with socat(tmp_path / "nobody") as channel:
        assert context.run(lambda: channel.read(1)) == b""
        context.run(channel.aclose)
        assert channel.returncode == 1
