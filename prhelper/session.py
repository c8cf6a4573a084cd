"""One client's conversation: negotiate, then request, execute, response, until it hangs up."""

import time
from collections.abc import Callable
from typing import Protocol

from .channel import Channel, IncompleteRead, OwnedFd
from .device.execution import Execution
from .device.identity import DeviceId
from .protocol import Decoder, Request, encode_features, encode_response
from .scsi.reservation import Command


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

    The channel stays the caller's. Raises ProtocolError, TimeoutError, IncompleteRead or BrokenResourceError if the
    client's behaviour ended the conversation. No descriptor that the client passed is left open, however it ends.
    """
    decoder = Decoder()
    try:
        if not await negotiate(channel, decoder, request_timeout):
            return
        while (request := await read_request(channel, decoder, request_timeout)) is not None:
            observer.begun(request.command)
            execution = await devices.execute(request.command, request.device, observer.identified)
            observer.done(execution)
            await channel.write_all([encode_response(execution.outcome)], deadline=_in(request_timeout))
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
