"""One client's conversation: negotiate, then request, execute, response, until it hangs up."""

import time

from ..channel import BrokenResourceError, Channel, IncompleteRead, OwnedFd, current_context
from ..device.execution import Executor, Result
from ..device.identity import Target
from ..device.multipath.reporting import peer_of, report_of
from ..host.machine_name import name_of_unit
from ..protocol import Request, RequestDecoder, encode_features, encode_response
from ..scheduler.thread_pool import NoThreadError
from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from ..scsi.status import Status, status_name
from . import audit, unasked
from .clients import Client
from .end import AnswerLostError, End
from .ended import Ended


async def serve(channel: Channel, devices: Executor, client: Client, request_timeout: float, features: int = 0) -> End:
    """Talk to one client until it hangs up, or the channel is quiesced between two requests.

    features: what it is offered (`protocol`).

    request_timeout: seconds for the negotiation, for the rest of a request once begun, and for the client to read a
    response. Between requests the client may be silent for any time.

    The channel stays the caller's. Raises ProtocolError, TimeoutError, IncompleteRead, BrokenResourceError or
    AnswerLostError if the client's behaviour ended the conversation. However it ends, every descriptor that the client
    passed has been closed.
    """
    decoder = RequestDecoder(features)
    try:
        if (end := await negotiate(channel, decoder, features, request_timeout)) is not None:
            return end
        while isinstance(request := await read_request(channel, decoder, request_timeout), Request):
            ended = await perform(request, devices, client)
            try:
                await answer(channel, request, ended.result, _in(request_timeout))
            finally:  # after the answer, so that the guest does not wait for what the log takes
                audit.done(client, ended)
                if (news := client.remember(ended)) is not None:
                    unasked.tell(ended, news)
        return request
    finally:
        if decoder.holds_descriptors:
            await abandon(decoder)


async def perform(request: Request, devices: Executor, client: Client) -> Ended:
    """Carry out one request, and close its descriptor."""
    command = request.command
    if request.origin is not None:
        client.asker = peer_of(request.origin)
        client.machine_name = name_of_unit(client.asker.account)
        audit.speaks_for(client, request.origin)
    in_flight = client.begin(command)
    audit.begun(client, command)
    with request.device as descriptor:
        target = Target.of(descriptor.fileno())
        in_flight.device = target.device
        try:
            result = await devices.execute(command, target)
        except NoThreadError as error:
            result = Result(Outcome(Status.TASK_SET_FULL), trouble=str(error))
    return client.end(command, target.device, result)


async def answer(channel: Channel, request: Request, result: Result, deadline: float) -> None:
    """Send the response to a request. Raises AnswerLostError if the client did not get all of it."""
    command = request.command
    report = None if request.origin is None else report_of(result)
    try:
        await channel.write_all([encode_response(result.outcome, report)], deadline=deadline)
    except TimeoutError as error:
        raise _lost(command, result, "it took too long to read it (--request-timeout)") from error
    except BrokenResourceError as error:
        raise _lost(command, result, str(error.__cause__ or "it hung up")) from error
    except OSError as error:
        raise _lost(command, result, error.strerror or str(error)) from error


def _lost(command: Command, result: Result, reason: str) -> AnswerLostError:
    status = status_name(result.outcome.status)
    return AnswerLostError(f"lost the answer to {command}, which ended with {status}: {reason}")


async def abandon(decoder: RequestDecoder) -> None:
    """Close the descriptors of an incomplete request, in a thread that this may block for long."""
    try:
        await current_context().call(None, decoder.close)
    finally:
        decoder.close()


async def negotiate(channel: Channel, decoder: RequestDecoder, features: int, timeout: float) -> End | None:
    """Offer `features` and check the client's choice. Returns None if requests may follow, else why not."""
    deadline = _in(timeout)
    await channel.write_all([encode_features(features)], deadline=deadline)
    if not await channel.next_message(deadline):
        return End.QUIESCED
    while decoder.negotiating:
        if not (data := await channel.read(decoder.needed, deadline=deadline)):
            return End.HUNG_UP
        decoder.feed(data)
    return None


async def read_request(channel: Channel, decoder: RequestDecoder, timeout: float) -> Request | End:
    """Return the next request, or why there is none. Raises IncompleteRead if the client hung up inside one."""
    fds: list[OwnedFd] = []
    data = await channel.read_next(decoder.needed, fds)
    if data is None:
        return End.QUIESCED
    deadline = None
    while data:
        if (request := decoder.feed(data, fds)) is not None:
            return request
        deadline = deadline or _in(timeout)
        fds = []
        data = await channel.read(decoder.needed, fds if decoder.takes_descriptors else None, deadline)
    if not decoder.at_boundary:
        raise IncompleteRead
    return End.HUNG_UP


def _in(seconds: float) -> float:
    return time.monotonic() + seconds
