"""Passes commands on to the multipath worker: a helper behind the helper, which may do what the daemon may not.

Each command has a connection of its own. So commands on different maps never wait for each other, and a connection
that breaks is one command that may or may not have been carried out. The session waits for the channel like any other:
at rest, and in no thread.

The worker must greet and take the request within a limit. For its answer there is none: it may need minutes if paths
are dead. A worker that dies breaks the connection, once the kernel has let go of its last thread.

Whatever goes wrong is answered with LOGICAL UNIT COMMUNICATION FAILURE: initiators retry it, and it is what the C
helper says where no path works. An ILLEGAL REQUEST would be final to some clusters.
"""

import errno
import time
from collections.abc import Callable
from pathlib import Path

from ...channel import BrokenResourceError, EndOfStream, IncompleteRead, SocketChannel
from ...host.errors import RAISE_LIMITS
from ...protocol import (
    ON_BEHALF,
    Origin,
    ProtocolError,
    Response,
    ResponseDecoder,
    encode_features,
    encode_request,
)
from ...scsi import sense
from ...scsi.outcome import check_condition
from ...scsi.reservation import Command
from ..execution import Result
from ..identity import Target
from .reporting import result_of

MAX_GREETING = 20.0
"""Seconds for the worker to greet and to take a request: its first command starts it."""

MAY_CONNECT = "SupplementaryGroups= in the unit; with -u, -g prhelper-multipath"
"""What lets the daemon connect to the worker's socket."""

_START_IT = "start it (systemctl enable --now prhelper-multipath.socket)"
_REMEDIES = {
    errno.ENOENT: _START_IT,
    errno.ECONNREFUSED: _START_IT,
    errno.EACCES: f"let prhelper connect ({MAY_CONNECT})",
    **RAISE_LIMITS,
    errno.ETOOMANYREFS: RAISE_LIMITS[errno.EMFILE],
}
_UNKNOWN = "which may or may not have been carried out"
_SEE_ITS_LOG = "see its log (journalctl -u prhelper-multipath)"
_OTHER_VERSION = "let both be of one version (systemctl restart prhelper-multipath)"


class _LinkError(Exception):
    """The worker did not answer. The text says why, with the remedy."""

    def __init__(self, text: str, number: int | None = None) -> None:
        super().__init__(text)
        self.number = number


class Link:
    """An executor for multipath maps and what lies on them, where this process itself may not do it.

    path: the worker's socket.
    origin: the client that the commands come from.
    why_not: see `dispatch.MapExecutors`.
    """

    def __init__(self, path: Path, origin: Origin, why_not: Callable[[], str | None] = lambda: None) -> None:
        self._path = path
        self._origin = origin
        self.why_not = why_not

    def on(self, folder: Path) -> "Link":  # noqa: ARG002
        """See `dispatch.MapExecutors`. The worker finds the map itself."""
        return self

    async def execute(self, command: Command, target: Target) -> Result:
        """Have one command carried out. See `Executor`."""
        began = time.monotonic()
        try:
            response = await self._ask(command, target.fd)
        except _LinkError as error:
            trouble = f"the multipath worker, {self._path}: {error}"
            outcome = check_condition(sense.LUN_COMM_FAILURE)
            return Result(outcome, time.monotonic() - began, trouble, error.number)
        return result_of(response, time.monotonic() - began)

    async def _ask(self, command: Command, fd: int) -> Response:
        deadline = time.monotonic() + MAX_GREETING
        with await self._connect(deadline) as channel:
            decoder = ResponseDecoder(ON_BEHALF)
            try:
                await self._send(channel, decoder, command, fd, deadline)
                return await _receive(channel, decoder)
            except ProtocolError as error:
                raise _LinkError(f"it {error}; {_OTHER_VERSION}") from error

    async def _connect(self, deadline: float) -> SocketChannel:
        try:
            return await SocketChannel.connect(self._path, deadline)
        except TimeoutError as error:
            raise _LinkError(f"it takes no more connections; {_SEE_ITS_LOG}") from error
        except OSError as error:
            raise _cannot("cannot connect to it", error) from error

    async def _send(
        self, channel: SocketChannel, decoder: ResponseDecoder, command: Command, fd: int, deadline: float
    ) -> None:
        """Negotiate, and send the request."""
        try:
            while decoder.negotiating:
                decoder.feed(await channel.read_exactly(decoder.needed, deadline=deadline))
            if not decoder.agreed:
                raise _LinkError(f"it is another kind of helper; {_START_IT}")
            await channel.write_all([encode_features(decoder.agreed)], deadline=deadline)
            decoder.expect(command)
            await channel.write_all([encode_request(command, self._origin)], [fd], deadline)
        except TimeoutError as error:
            raise _LinkError(f"it did not take the command within {MAX_GREETING:g} s; {_SEE_ITS_LOG}") from error
        except (EndOfStream, IncompleteRead) as error:
            raise _LinkError(f"it hung up before it had the command; {_SEE_ITS_LOG}") from error
        except (BrokenResourceError, OSError) as error:
            raise _cannot("it did not get the command", error.__cause__ or error) from error


async def _receive(channel: SocketChannel, decoder: ResponseDecoder) -> Response:
    """Wait for the response, for as long as the worker lives."""
    response = None
    try:
        while response is None:
            response = decoder.feed(await channel.read_exactly(decoder.needed))
    except (EndOfStream, IncompleteRead, BrokenResourceError) as error:
        raise _LinkError(f"it ended with the command in it, {_UNKNOWN}; {_SEE_ITS_LOG}") from error
    except OSError as error:
        raise _cannot(f"its answer cannot be waited for, {_UNKNOWN}", error) from error
    return response


def _cannot(what: str, error: BaseException) -> _LinkError:
    if not isinstance(error, OSError):
        return _LinkError(f"{what}; {_SEE_ITS_LOG}")
    return _LinkError(f"{what}: {error.strerror}; {_REMEDIES.get(error.errno or 0, _SEE_ITS_LOG)}", error.errno)
