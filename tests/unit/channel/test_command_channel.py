"""Processes at the other end: talking to real ones, and how each sort of them is ended."""

import errno
import io
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from prhelper.channel import (
    BrokenResourceError,
    ClosedResourceError,
    CommandChannel,
    Direction,
    Feature,
    command,
    run,
)

from .contexts import Context
from .watching import Waits

PROMPT = 0.01
STUBBORN = ["sh", "-c", "echo deaf; exec sleep 1000"]
DEAF = ["sh", "-c", "trap '' TERM; echo deaf; exec sleep 1000"]


def gone(pid: int) -> bool:
    """Whether no process, not even one to be reaped, has this number."""
    return not Path(f"/proc/{pid}").exists()


def test_an_echo_is_heard_and_ends_with_its_input(context: Context) -> None:
    async def converse() -> bytes:
        await channel.write_all([b"hello ", b"world"])
        heard = await channel.read_exactly(11)
        await channel.aclose()
        return heard

    channel = CommandChannel.spawn(["cat"])
    assert channel.returncode is None
    assert context.run(converse) == b"hello world"
    assert channel.returncode == 0
    assert gone(channel.pid)


def test_two_processes_talk_through_a_fifo(tmp_path: Path, context: Context, other: Context) -> None:
    async def send() -> None:
        await writer.write_all([data])
        await writer.aclose()

    data = os.urandom(300_000)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = CommandChannel.spawn(["sh", "-c", 'exec cat >"$0"', fifo], Direction.WRITE)
    with CommandChannel.spawn(["cat", fifo], Direction.READ) as reader:
        sending = other.start(send)
        assert context.run(lambda: reader.read_exactly(len(data))) == data
        sending.result()
        assert writer.returncode == 0
        assert context.run(lambda: reader.read(1)) == b""


@pytest.mark.slow
def test_megabytes_go_through_while_they_come_back(context: Context, other: Context) -> None:
    data = os.urandom(1 << 21)
    with CommandChannel.spawn(["cat"]) as channel:
        writing = other.start(lambda: channel.write_all([data]))
        assert context.run(lambda: channel.read_exactly(len(data))) == data
        writing.result()


def test_a_direction_without_a_pipe_is_refused_and_is_dev_null(context: Context) -> None:
    with CommandChannel.spawn(["cat"], Direction.READ) as reader:
        assert context.run(lambda: reader.read(1)) == b""
        with pytest.raises(io.UnsupportedOperation, match="CommandChannel cannot write"):
            reader.writev([b"x"])
    with CommandChannel.spawn(["readlink", "/proc/self/fd/1"], Direction.WRITE) as writer:
        with pytest.raises(io.UnsupportedOperation, match="CommandChannel cannot read"):
            context.run(lambda: writer.read(1))
        for feature in Feature.FD_PASS, Feature.SHUTDOWN, Feature.LISTEN, Feature.SEEKABLE:
            assert not writer.has_feature(feature)
    with CommandChannel.spawn(["sh", "-c", "ls -l /proc/$$/fd"], Direction.READ) as listing:
        seen = context.run(lambda: listing.read_exactly_or_eof(0)) or b""
        while more := context.run(lambda: listing.read(4096)):
            seen += more
    assert b"0 -> /dev/null" in seen


def test_its_standard_streams_block_and_it_inherits_nothing_else(tmp_path: Path) -> None:
    kept = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(kept, True)
    script = "cat /proc/self/fdinfo/0 /proc/self/fdinfo/1; ls /proc/self/fd"
    channel = CommandChannel.spawn(["sh", "-c", script])
    said = b""
    while more := run(channel.read(4096)):
        said += more
    channel.close()
    os.close(kept)
    flags = [int(line.split()[1], 8) for line in said.splitlines() if line.startswith(b"flags")]
    assert [flag & os.O_NONBLOCK for flag in flags] == [0, 0]
    assert said.split()[-4:] == [b"0", b"1", b"2", b"3"]  # 3 is ls's own


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["sh", "-c", "echo deaf; cat; exit 3"], 3), (STUBBORN, -signal.SIGTERM), (DEAF, -signal.SIGKILL)],
    ids=["ends with its input", "ends when terminated", "ends only when killed"],
)
def test_closing_waits_then_terminates_then_kills(arguments: list[str], status: int, context: Context) -> None:
    patience = 30.0 if status > 0 else PROMPT
    channel = CommandChannel.spawn(arguments, patience=patience)
    assert context.run(lambda: channel.read_exactly(5)) == b"deaf\n"
    before = time.monotonic()
    context.run(channel.aclose)
    assert channel.returncode == status
    assert time.monotonic() - before >= {3: 0, -signal.SIGTERM: PROMPT, -signal.SIGKILL: 2 * PROMPT}[status]
    assert gone(channel.pid)
    context.run(channel.aclose)
    assert channel.returncode == status


def test_no_signal_is_blocked_or_ignored_in_it_that_is_so_here() -> None:
    program = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
    old_handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        with CommandChannel.spawn(program, Direction.READ) as channel:
            said = b""
            while more := run(channel.read(1000)):
                said += more
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        signal.signal(signal.SIGTERM, old_handler)
    sets = {name: int(value, 16) for name, value in (line.split(b":") for line in said.splitlines())}
    assert sets[b"SigBlk"] == 0
    assert not sets[b"SigIgn"] & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGPIPE - 1))


def test_close_blocks_until_it_is_gone_whoever_closes() -> None:
    channel = CommandChannel.spawn(STUBBORN, patience=PROMPT)
    run(channel.read_exactly(5))
    with ThreadPoolExecutor(4) as pool:
        for closing in [pool.submit(channel.close) for _ in range(4)]:
            closing.result()
    assert gone(channel.pid)
    run(channel.aclose())
    assert channel.returncode == -signal.SIGTERM


def test_a_process_reaped_while_another_closes_it_is_signalled_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = CommandChannel.spawn(STUBBORN, patience=PROMPT)
    run(channel.read_exactly(5))

    def meanwhile(*_: object) -> bool:
        os.kill(channel.pid, signal.SIGKILL)
        channel._process.wait()
        return False

    monkeypatch.setattr(command, "is_ready", meanwhile)
    run(channel.aclose())
    assert channel.returncode == -signal.SIGKILL


def test_ending_a_process_holds_up_nobody_else_in_the_loop(loop: Context) -> None:
    async def body() -> None:
        channel = CommandChannel.spawn(STUBBORN, patience=0.1)
        await channel.read_exactly(5)
        turns = 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(channel.aclose)
            while not gone(channel.pid):
                turns += 1
                await anyio.sleep(0.001)
        assert turns > 5

    loop.run(body)


@pytest.mark.parametrize("begun", [True, False], ids=["while it waits", "before it begins"])
def test_a_process_is_gone_even_if_closing_is_cancelled(loop: Context, begun: bool) -> None:
    async def body() -> None:
        channel = CommandChannel.spawn(DEAF, patience=PROMPT if begun else 1000.0)
        await channel.read_exactly(5)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(channel.aclose)
            if begun:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert gone(channel.pid)

    loop.run(body)


def test_closing_wakes_who_reads(context: Context, other: Context, waits: Waits) -> None:
    channel = CommandChannel.spawn(["cat"])
    reading = context.start(lambda: channel.read(1))
    waits.next()
    other.run(channel.aclose)
    assert channel.returncode == 0
    assert isinstance(reading.fault(), ClosedResourceError)


def test_a_process_that_dies_ends_reading_and_breaks_writing(context: Context) -> None:
    async def write() -> None:
        while True:
            await channel.write_all([bytes(1000)])

    with CommandChannel.spawn(["sh", "-c", "echo last words; kill -9 $$"]) as channel:
        assert context.run(lambda: channel.read_exactly(11)) == b"last words\n"
        assert context.run(lambda: channel.read(1)) == b""
        with pytest.raises(BrokenResourceError):
            context.run(write)


@pytest.mark.parametrize("direction", [None, *Direction])
def test_a_program_that_is_not_there_is_an_error_that_names_it(direction: Direction | None) -> None:
    with pytest.raises(FileNotFoundError, match="/no-such-program"):
        CommandChannel.spawn(["/no-such-program"], direction)


def test_a_pipe_that_cannot_be_had_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = os.pipe
    made: list[tuple[int, int]] = []

    def second_fails() -> tuple[int, int]:
        if made:
            raise OSError(errno.EMFILE, "Too many open files")
        made.append(pipe())
        return made[0]

    monkeypatch.setattr(os, "pipe", second_fails)
    with pytest.raises(OSError, match="Too many"):
        CommandChannel.spawn(["cat"])
