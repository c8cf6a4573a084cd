"""One client's conversation: negotiate, then request, execute, response, until it hangs up."""

import time
from collections.abc import Callable
from typing import Protocol

from ..channel import BrokenResourceError, Channel, IncompleteRead, OwnedFd, current_context
from ..device.execution import Execution
from ..device.identity import DeviceId
from ..protocol import Decoder, Request, encode_features, encode_response
from ..scheduler.thread_pool import NoThreadError
from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from ..scsi.status import Status, status_name


class AnswerLostError(Exception):
    """A command was carried out, and its answer did not reach the client; the text says which command, and why."""


class Devices(Protocol):
    """Whoever carries out commands."""

    async def execute(self, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]) -> Execution:
        """Carry out one command and close its descriptor. Never raises for what a device or a client does.

        identified: told which device it is, before that is sent the command.
        """


class Observer(Protocol):
    """Whoever is told what goes on; the one place that sees every request and its answer."""

    def begun(self, command: Command) -> None:
        """A request is whole and is being carried out."""

    def identified(self, device: DeviceId) -> None:
        """Which device it goes to."""

    def done(self, execution: Execution) -> None:
        """It is over, and the answer goes out next."""


async def serve(channel: Channel, devices: Devices, observer: Observer, request_timeout: float) -> None:
    """Talk to one client until it hangs up, or the channel is quiesced between two requests.

    request_timeout: seconds for the negotiation, for the rest of a request once begun, and for the client to take a
    response; between requests it may be silent for as long as it likes.

    The channel stays the caller's. Raises ProtocolError, TimeoutError, IncompleteRead, BrokenResourceError or
    AnswerLostError if the client's behaviour ended the conversation. No descriptor that the client passed is left open,
    however it ends.
    """
    decoder = Decoder()
    try:
        if not await negotiate(channel, decoder, request_timeout):
            return
        while (request := await read_request(channel, decoder, request_timeout)) is not None:
            observer.begun(request.command)
            try:
                execution = await devices.execute(request.command, request.device, observer.identified)
            except NoThreadError as error:
                execution = Execution(request.command, Outcome(Status.TASK_SET_FULL), None, trouble=str(error))
            observer.done(execution)
            await answer(channel, execution, _in(request_timeout))
    finally:
        if decoder.holds_descriptors:
            await abandon(decoder)


async def answer(channel: Channel, execution: Execution, deadline: float) -> None:
    """Send the response to a command. Raises AnswerLostError if the client cannot have read all of it."""
    try:
        await channel.write_all([encode_response(execution.outcome)], deadline=deadline)
    except TimeoutError as error:
        raise _lost(execution, "it took too long to read it (--request-timeout)") from error
    except BrokenResourceError as error:
        raise _lost(execution, str(error.__cause__ or "it hung up")) from error


def _lost(execution: Execution, reason: str) -> AnswerLostError:
    status = status_name(execution.outcome.status)
    return AnswerLostError(f"lost the answer to {execution.command}, which ended with {status}: {reason}")


async def abandon(decoder: Decoder) -> None:
    """Close what a client passed with a request that it never completed, where this may block for long."""
    try:
        await current_context().call(None, decoder.close)
    finally:
        decoder.close()


async def negotiate(channel: Channel, decoder: Decoder, timeout: float) -> bool:
    """Offer our features and check what the client wants; False if it hung up, or the channel was quiesced."""
    deadline = _in(timeout)
    await channel.write_all([encode_features()], deadline=deadline)
    if not await channel.next_message(deadline):
        return False
    while decoder.negotiating:
        if not (data := await channel.read(decoder.needed, deadline=deadline)):
            return False
        decoder.feed(data)
    return True


async def read_request(channel: Channel, decoder: Decoder, timeout: float) -> Request | None:
    """The next request; None if the client hung up, or the channel was quiesced, before its first byte."""
    fds: list[OwnedFd] = []
    data = await channel.read_next(decoder.needed, fds)
    deadline = None
    while data:
        if (request := decoder.feed(data, fds)) is not None:
            return request
        deadline = deadline or _in(timeout)
        fds = []
        data = await channel.read(decoder.needed, fds if decoder.takes_descriptors else None, deadline)
    if not decoder.at_boundary:
        raise IncompleteRead
    return None


def _in(seconds: float) -> float:
    return time.monotonic() + seconds
