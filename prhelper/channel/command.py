"""The command kind: a process at the other end of one pipe or two (QEMU: QIOChannelCommand)."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from .context import current_context
from .descriptors import OwnedFd
from .fd_channel import FdChannel
from .process import Process
from .waiter import Direction, is_ready

PATIENCE = 1.0
"""Seconds that a process has to end by itself, and again after it was asked to terminate."""


class CommandChannel(FdChannel):
    """Writes to the standard input of a process and reads from its standard output. Owns the process.

    Closing ends the process: it reads the end of its input and is waited for; after `patience` seconds it gets SIGTERM,
    and as much later SIGKILL. Only the process itself is ended so, not what that has started.

    pid: of the process.
    """

    def __init__(
        self,
        process: Process,
        reader: OwnedFd | None,
        writer: OwnedFd | None,
        patience: float = PATIENCE,
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._patience = patience
        super().__init__(reader, writer)

    @classmethod
    def spawn(
        cls, arguments: Sequence[str | Path], direction: Direction | None = None, patience: float = PATIENCE
    ) -> Self:
        """Start a process with pipes to read from it, write to it, or by default both.

        What has no pipe is /dev/null; standard error is this process's own. No signal is blocked in it (`process`).
        Raises OSError if it cannot be started.
        """
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            reader = writer = None
            streams: dict[int, OwnedFd] = {}
            if direction is not Direction.WRITE:
                reader, far = map(OwnedFd, os.pipe())
                ours.enter_context(reader)
                streams[1] = theirs.enter_context(far)
            if direction is not Direction.READ:
                far, writer = map(OwnedFd, os.pipe())
                ours.enter_context(writer)
                streams[0] = theirs.enter_context(far)
            process = Process(arguments, streams)
            ours.pop_all()
        return cls(process, reader, writer, patience)

    @property
    def returncode(self) -> int | None:
        """The exit status of the process, negative for a signal, as in `subprocess`; None until closed."""
        return self._process.returncode

    def close(self) -> None:
        """Close the pipes and end the process. Blocks until it is gone: in an event loop use `aclose`."""
        super().close()
        self._end()

    async def aclose(self) -> None:
        """Close the pipes and end the process without blocking an event loop; cancelling kills the process at once."""
        super().close()
        try:
            await current_context().call((type(self), self.pid), self._end)
        except BaseException:
            self._end(patience=0.0)
            raise

    def _end(self, patience: float | None = None) -> None:
        for insistence in signal.SIGTERM, signal.SIGKILL:
            if (watch := self._process.watch()) is None:
                break
            with watch:
                if not is_ready(watch.fileno(), Direction.READ, self._patience if patience is None else patience):
                    with contextlib.suppress(ProcessLookupError):  # ended and reaped by another thread
                        signal.pidfd_send_signal(watch.fileno(), insistence)
        self._process.wait()
