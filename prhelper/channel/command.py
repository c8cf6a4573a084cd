"""The command kind: a process at the other end of one or two pipes (QEMU: QIOChannelCommand)."""

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
"""Seconds that a process has to end by itself, and as long again after SIGTERM."""


class CommandChannel(FdChannel):
    """Writes to the standard input of a process and reads from its standard output. Owns the process.

    Closing ends the process: its input ends and it is waited for. After `patience` seconds it gets SIGTERM, and as long
    again later SIGKILL. Its own child processes are not signalled.

    pid: the PID of the process.
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
        """Start a process with a pipe to read from it, to write to it, or by default both.

        A stream without a pipe is /dev/null; standard error is inherited. No signal is blocked in the process
        (`process`). Raises OSError if it cannot be started.
        """
        with contextlib.ExitStack() as to_close, contextlib.ExitStack() as on_failure:
            reader = writer = None
            streams: dict[int, OwnedFd] = {}
            if direction is not Direction.WRITE:
                reader, far = map(OwnedFd, os.pipe())
                on_failure.enter_context(reader)
                streams[1] = to_close.enter_context(far)
            if direction is not Direction.READ:
                far, writer = map(OwnedFd, os.pipe())
                on_failure.enter_context(writer)
                streams[0] = to_close.enter_context(far)
            process = Process(arguments, streams)
            on_failure.pop_all()
        return cls(process, reader, writer, patience)

    @property
    def returncode(self) -> int | None:
        """The exit status of the process, negative for a signal, as in `subprocess`; None until closed."""
        return self._process.returncode

    def close(self) -> None:
        """Close the pipes and end the process. Blocks until it has ended: in an event loop use `aclose`."""
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
        for escalation in signal.SIGTERM, signal.SIGKILL:
            if (watch := self._process.watch()) is None:
                break
            with watch:
                if not is_ready(watch.fileno(), Direction.READ, self._patience if patience is None else patience):
                    with contextlib.suppress(ProcessLookupError):  # ended, and reaped by another thread
                        signal.pidfd_send_signal(watch.fileno(), escalation)
        self._process.wait()
