"""One connection to the control socket: calls come in, replies go out, and nothing that the peer does can block.

Descriptors are refused before they arrive: who receives one has to close it, and that can block.
"""

import time

import anyio

from ..channel import Direction, ShortageError, SocketChannel
from .messages import Call, CallDecoder, NotVarlinkError

IDLE = 60.0
"""Seconds until the next call, or for the rest of one."""

PATIENCE = 10.0
"""Seconds for a peer to read what was sent to it."""

_CHUNK = 4096
_SHORTAGE_PAUSE = 0.01


class Connection:
    """Varlink over a channel, which stays the caller's."""

    def __init__(self, channel: SocketChannel) -> None:
        self._channel = channel
        self._decoder = CallDecoder()
        self._unsent = b""

    async def wait(self, for_ever: bool = False) -> None:
        """Wait until the peer has sent something, or has hung up. Raises TimeoutError after IDLE."""
        await self._channel.wait(Direction.READ, None if for_ever else time.monotonic() + IDLE)

    def read(self) -> bool:
        """Take some of what has arrived; False once the peer has hung up. Raises NotVarlinkError."""
        if (arrived := self._channel.peek(min(_CHUNK, self._decoder.room))) is None:
            return True
        if arrived.has_descriptors:
            raise NotVarlinkError("passed a descriptor, and there is no use for any")
        data = self._channel.read_now(arrived.size) or b""
        self._decoder.feed(data)
        return bool(data)

    def next_call(self) -> Call | None:
        """The next complete call of what was read; None if there is none. Raises NotVarlinkError."""
        return self._decoder.next_call()

    async def send(self, data: bytes) -> None:
        """Send a message, and before it the rest of the last one.

        Raises TimeoutError if the peer does not read for PATIENCE, BrokenResourceError if it has gone.
        """
        self._unsent += data
        while self._unsent:
            try:
                count = self._channel.writev([self._unsent])
            except ShortageError:
                await anyio.sleep(_SHORTAGE_PAUSE)
                continue
            if count is None:
                await self._channel.wait(Direction.WRITE, time.monotonic() + PATIENCE)
            else:
                self._unsent = self._unsent[count:]
