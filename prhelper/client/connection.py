"""Commands to a helper, over one connection after another: as QEMU's client does it (scsi/pr-manager-helper.c).

A helper may be restarted at any time. So up to five attempts are made to connect and to send the CDB: until all of that
has been sent the helper has no command, and nothing can have been carried out. From then on a failure ends the command,
and the next one connects again. A PERSISTENT RESERVE OUT is thus never sent twice, and one that may have been carried
out ends with an error that says so.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

from ..channel.context import pause
from ..channel.errors import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    EndOfStream,
)
from ..protocol import ProtocolError, encode_request
from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from .conversation import Conversation
from .errors import AnswerLost, Unreachable

DEFAULT_SOCKET = Path("/run/qemu-pr-helper.sock")

MAX_ATTEMPTS = 5
RETRY_PAUSE = 1.0
"""Attempts to reach the helper, and seconds between two, as in QEMU's client."""


class HasFileno(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Its descriptor."""


class Connection:
    """A way to a helper, which connects again where that is needed. Use it as a context manager, or `close` it.

    It belongs to no event loop: each command may come from another one, or from a thread without one (`run`). One
    command at a time: for more at once, make more of these.

    path: the helper's socket.
    timeout: seconds that one command may take, with all attempts to reach the helper; None for as long as it takes. A
        device that is in trouble may take a minute (prhelper's `--timeout`).
    """

    def __init__(self, path: str | Path = DEFAULT_SOCKET, timeout: float | None = None) -> None:
        self.path = path
        self.timeout = timeout
        self._conversation: Conversation | None = None
        self._turn = [None]
        self._closed = False

    async def open(self) -> Self:
        """Connect now, not with the first command, in one attempt. Raises Unreachable."""
        with self._taking_turn():
            try:
                await self._converse(self._deadline())
            except (OSError, EndOfStream, BrokenResourceError) as error:
                raise self._unreachable(error) from error
        return self

    async def execute(self, command: Command, device: int | HasFileno) -> Outcome:
        """Have a command carried out on `device`, which stays the caller's: the answer, whatever its status.

        The descriptor must be one that the helper may use: open for writing, for PERSISTENT RESERVE OUT.

        Raises ValueError for what no helper takes, Unreachable, AnswerLost, and BusyResourceError while another command
        is under way. Cancelling it after it was sent cannot stop it, and nothing is known then of how it ended.
        """
        encode_request(command)  # refuses what a helper would hang up on
        fd = device if isinstance(device, int) else device.fileno()
        with self._taking_turn():
            deadline = self._deadline()
            conversation = await self._send(command, fd, deadline)
            try:
                return await conversation.finish(command, deadline)
            except BaseException as error:
                self._hang_up()
                if isinstance(error, Exception):
                    raise AnswerLost(command, _in_words(error)) from error
                raise

    def close(self) -> None:
        """Hang up, for good. Any thread may call; a command that is under way there ends with an error."""
        self._closed = True
        self._hang_up()

    async def _send(self, command: Command, fd: int, deadline: float | None) -> Conversation:
        """Send the CDB, on a connection that is returned with it. Raises Unreachable."""
        failure: Exception = TimeoutError()
        for attempt in range(MAX_ATTEMPTS):
            try:
                conversation = await self._converse(deadline)
            except (OSError, EndOfStream, BrokenResourceError) as error:
                failure = error
                if not await _may_try_again(attempt, deadline):
                    break
                continue
            try:
                await conversation.send_cdb(command, fd, deadline)
            except BrokenResourceError as error:
                failure = error
                self._hang_up()
            except BaseException:
                self._hang_up()
                raise
            else:
                return conversation
        raise self._unreachable(failure) from failure

    async def _converse(self, deadline: float | None) -> Conversation:
        """The conversation there is, or a new one."""
        if self._conversation is not None and self._conversation.is_over():
            self._hang_up()
        if self._conversation is None:
            self._conversation = await Conversation.begin(self.path, deadline)
        if self._closed:  # perhaps while it connected
            self._hang_up()
            raise ClosedResourceError
        return self._conversation

    def _hang_up(self) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.close()

    def _deadline(self) -> float | None:
        return None if self.timeout is None else time.monotonic() + self.timeout

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"no helper at {os.fspath(self.path)}: {_in_words(error)}")

    @contextlib.contextmanager
    def _taking_turn(self) -> Iterator[None]:
        try:
            self._turn.pop()
        except IndexError:
            raise BusyResourceError("sending a command over") from None
        try:
            if self._closed:
                raise ClosedResourceError
            yield
        finally:
            self._turn.append(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _may_try_again(attempt: int, deadline: float | None) -> bool:
    """Wait before the next attempt. False, at once, if there is none, or no time for one."""
    past_deadline = deadline is not None and time.monotonic() + RETRY_PAUSE > deadline
    if attempt + 1 == MAX_ATTEMPTS or past_deadline:
        return False
    await pause(RETRY_PAUSE)
    return True


def _in_words(error: Exception) -> str:
    match error.__cause__ if isinstance(error, BrokenResourceError) else error:
        case TimeoutError():
            return "it took too long"
        case OSError() as cause:
            return cause.strerror or str(cause)
        case ProtocolError() as cause:
            return f"the helper {cause}"
        case ClosedResourceError():
            return "this side was closed"
        case EndOfStream():
            return "the helper hung up"
        case cause:
            return str(cause)
