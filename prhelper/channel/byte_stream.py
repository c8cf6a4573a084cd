"""A channel as one of anyio's streams, for code that is written for those: anyio's TLS, text and buffered streams."""

from anyio import EndOfStream, ResourceGuard
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from .base import Channel
from .waiter import Direction

_RECEIVE_SIZE = 65536
"""Bytes, unless the caller says otherwise: anyio's own default."""


class ChannelStream(ByteStream):
    """Sends and receives over `channel`, which it owns, in asyncio or trio.

    The errors are those of the channel, which are anyio's. A cancelled `receive` has lost nothing; a cancelled `send`
    may have sent any part of its bytes.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._receiving = ResourceGuard("receiving from")
        self._sending = ResourceGuard("sending to")

    async def receive(self, max_bytes: int = _RECEIVE_SIZE) -> bytes:
        """Receive at least one byte. Raises EndOfStream at the end."""
        await checkpoint()
        with self._receiving:
            if data := await self._channel.read(max_bytes):
                return data
        raise EndOfStream

    async def send(self, item: bytes) -> None:
        await checkpoint()
        with self._sending:
            await self._channel.write_all([item])

    async def send_eof(self) -> None:
        """End sending; receiving goes on. Raises io.UnsupportedOperation if the channel has no SHUTDOWN."""
        await checkpoint()
        with self._sending:
            self._channel.shutdown(Direction.WRITE)

    async def aclose(self) -> None:
        await self._channel.aclose()
        await checkpoint()
