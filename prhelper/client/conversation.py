"""One connection to a helper: the negotiation, then requests and answers in turn. When anything fails, it is over."""

from pathlib import Path
from typing import Self

from ..channel.errors import BrokenResourceError, EndOfStream
from ..channel.socket import SocketChannel
from ..protocol import ResponseDecoder, encode_features
from ..scsi.outcome import Outcome
from ..scsi.reservation import Command


class Conversation:
    """A negotiated connection. Every `deadline` is a time of `time.monotonic`; past it TimeoutError is raised."""

    def __init__(self, channel: SocketChannel) -> None:
        self._channel = channel
        self._decoder = ResponseDecoder()

    @classmethod
    async def begin(cls, path: str | Path, deadline: float | None) -> Self:
        """Connect and negotiate.

        Raises OSError if no helper can be reached, EndOfStream or BrokenResourceError if it hung up.
        """
        channel = await SocketChannel.connect(path, deadline)
        try:
            conversation = cls(channel)
            await conversation._negotiate(deadline)
        except BaseException:
            channel.close()
            raise
        return conversation

    def close(self) -> None:
        """Hang up. Any thread may call; what waits for an answer gets ClosedResourceError."""
        self._channel.close()

    def is_over(self) -> bool:
        """Between two requests: whether the helper has hung up, or sent what nobody asked for."""
        try:
            return self._channel.read_now(1) is not None
        except BrokenResourceError:
            return True

    async def send_cdb(self, command: Command, fd: int, deadline: float | None) -> None:
        """Send the CDB, with a duplicate of `fd`. If this fails, the helper has no command to carry out."""
        await self._channel.write_all([command.cdb], [fd], deadline)
        self._decoder.expect(command)

    async def finish(self, command: Command, deadline: float | None) -> Outcome:
        """Send the rest of what `send_cdb` has begun, and read the answer. Raises ProtocolError if it is none."""
        if command.parameter_list:
            await self._channel.write_all([command.parameter_list], deadline=deadline)
        while True:
            if (response := self._decoder.feed(await self._read(deadline))) is not None:
                return response.outcome

    async def _negotiate(self, deadline: float | None) -> None:
        while self._decoder.negotiating:
            self._decoder.feed(await self._read(deadline))
        await self._channel.write_all([encode_features()], deadline=deadline)

    async def _read(self, deadline: float | None) -> bytes:
        if not (data := await self._channel.read(self._decoder.needed, deadline=deadline)):
            raise EndOfStream
        return data
