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
from .end import AnswerLostError, AtRest, End
from .ended import Ended


async def serve(
    channel: Channel,
    devices: Executor,
    client: Client,
    request_timeout: float,
    features: int = 0,
    rest: AtRest | None = None,
) -> End | AtRest:
    """Talk to one client until it hangs up, or the channel is quiesced: between two requests, or at once.

    features: what it is offered (`protocol`). rest: where the conversation goes on; None at its beginning.

    request_timeout: seconds for the negotiation, for the rest of a request once begun, and for the client to read a
    response. Between requests the client may be silent for any time.

    The channel stays the caller's. Raises ProtocolError, TimeoutError, IncompleteRead, BrokenResourceError or
    AnswerLostError if the client's behaviour ended the conversation. However it ends, every descriptor that the client
    passed has been closed, but for the one of what is at rest.
    """
    decoder = RequestDecoder(features)
    try:
        if rest is None:
            deadline: float | None = await greet(channel, features, request_timeout)
        else:
            rest.restore(decoder)
            deadline = rest.deadline
        request = await go_on(channel, decoder, request_timeout, deadline)
        while isinstance(request, Request):
            ended = await perform(request, devices, client)
            try:
                await answer(channel, request, ended.result, _in(request_timeout))
            finally:  # after the answer, so that the guest does not wait for what the log takes
                audit.done(client, ended)
                if (news := client.remember(ended)) is not None:
                    unasked.tell(ended, news)
            request = await read_request(channel, decoder, request_timeout)
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


async def greet(channel: Channel, features: int, timeout: float) -> float:
    """Offer `features`. Returns the deadline for the client's choice."""
    deadline = _in(timeout)
    await channel.write_all([encode_features(features)], deadline=deadline)
    return deadline


async def go_on(
    channel: Channel, decoder: RequestDecoder, timeout: float, deadline: float | None
) -> Request | End | AtRest:
    """Return the next request, or why there is none, wherever the conversation is. `deadline`: of what has begun."""
    if decoder.negotiating and (end := await negotiate(channel, decoder, deadline)) is not None:
        return end
    if decoder.at_boundary:
        return await read_request(channel, decoder, timeout)
    return await read_rest(channel, decoder, deadline)


async def negotiate(channel: Channel, decoder: RequestDecoder, deadline: float | None) -> End | AtRest | None:
    """Check the client's choice of features. Returns None if requests may follow, else why not."""
    if not await channel.next_message(deadline):
        return AtRest.of(decoder, deadline)
    while decoder.negotiating:
        data = await channel.read_on(decoder.needed, None, deadline)
        if data is None:
            return AtRest.of(decoder, deadline)
        if not data:
            return End.HUNG_UP
        decoder.feed(data)
    return None


async def read_request(channel: Channel, decoder: RequestDecoder, timeout: float) -> Request | End | AtRest:
    """Return the next request, or why there is none. Raises IncompleteRead if the client hung up inside one."""
    fds: list[OwnedFd] = []
    data = await channel.read_next(decoder.needed, fds)
    if not data:
        return AtRest.of(decoder, None) if data is None else End.HUNG_UP
    rest = None
    try:
        # At once: each message that is taken wakes the client, which is awake still from the first.
        if size := decoder.size_behind(data, fds):
            rest = channel.read_now(size)
    finally:  # whatever becomes of that: the descriptors are the decoder's to close
        request = decoder.feed(data, fds)
    if rest:
        request = decoder.feed(rest)
    return request or await read_rest(channel, decoder, _in(timeout))


async def read_rest(channel: Channel, decoder: RequestDecoder, deadline: float | None) -> Request | AtRest:
    """Return the request that was begun, or how far it came if the channel is quiesced at once."""
    while True:
        fds: list[OwnedFd] = []
        data = await channel.read_on(decoder.needed, fds if decoder.takes_descriptors else None, deadline)
        if data is None:
            return AtRest.of(decoder, deadline)
        if not data:
            raise IncompleteRead
        if (request := decoder.feed(data, fds)) is not None:
            return request


def _in(seconds: float) -> float:
    return time.monotonic() + seconds
