"""An NBD client with many requests in flight.

One coroutine, `receive_replies`, reads the replies. Any number of others, in the same event loop, in other loops or in
plain threads, write requests; each waits for its own reply where it happens to run. All of them use one channel, which
belongs to no loop: the reader waits to read in its loop while a writer waits to write in another.
"""

import itertools
from typing import NamedTuple, Self

from prhelper.channel import BrokenResourceError, Channel, EndOfStream

from ..handover import Inbox, Turn
from . import wire
from .wire import Chunk, Command, ProtocolError, TransmissionFlag, expect


class Extent(NamedTuple):
    """So many bytes, with the flags of base:allocation: 1 for a hole, 2 for what reads as zeroes."""

    length: int
    flags: int


class Reply:
    """The answer to one request, while it comes in pieces. A context manager, for its owner to leave when done.

    data: what was read so far; zeroes where nothing came yet.
    """

    def __init__(self, offset: int, length: int) -> None:
        self.offset = offset
        self.data = bytearray(length)
        self.extents: list[Extent] = []
        self.fault: OSError | None = None
        self._end: Inbox[BaseException | None] = Inbox()

    def take(self, kind: int, payload: bytes) -> None:
        """One piece of it (QEMU: nbd_reply_chunk_iter_receive)."""
        match kind:
            case Chunk.NONE:
                pass
            case Chunk.OFFSET_DATA:
                self._fill(wire.OFFSET.unpack_from(payload)[0], payload[wire.OFFSET.size :])
            case Chunk.OFFSET_HOLE:
                offset, length = wire.HOLE.unpack(payload)
                self._fill(offset, bytes(length))
            case Chunk.BLOCK_STATUS:
                self.extents += map(Extent._make, wire.EXTENT.iter_unpack(payload[wire.CONTEXT_ID.size :]))
            case Chunk.ERROR | Chunk.ERROR_OFFSET:
                error, length = wire.ERROR.unpack_from(payload)
                self.fault = OSError(error, payload[wire.ERROR.size :][:length].decode())
            case _:
                raise ProtocolError(f"a chunk of an unknown kind: {kind:#x}")

    def finish(self, fault: BaseException | None) -> None:
        """Nothing more comes."""
        self._end.put(fault)

    async def complete(self) -> Self:
        """Wait until all is there. Raises OSError if the server could not do it, or what ended the connection."""
        if (fault := await self._end.get()) is not None:
            raise fault
        return self

    def _fill(self, offset: int, data: bytes) -> None:
        start = offset - self.offset
        if not 0 <= start <= len(self.data) - len(data):
            raise ProtocolError(f"{len(data)} bytes at {offset}, where nobody asked for them")
        self.data[start : start + len(data)] = data

    def close(self) -> None:
        """Release what the wait needed."""
        self._end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """One connection, its handshake done (`client_handshake`). Owns the channel.

    size: bytes of the export.
    flags: what the export can do.
    """

    def __init__(self, channel: Channel, size: int, flags: TransmissionFlag) -> None:
        self.size = size
        self.flags = flags
        self._channel = channel
        self._turn = Turn()
        self._cookies = itertools.count(1)
        self._pending: dict[int, Reply] = {}
        self._lost: BaseException | None = None
        self._leaving = False

    # For whoever has something to ask, in any context.

    async def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`."""
        with await self.send(Command.READ, offset, length, room=length) as reply:
            return bytes((await reply.complete()).data)

    async def write(self, offset: int, data: bytes, flags: int = 0) -> None:
        """Write `data` at `offset`, with wire.CommandFlag perhaps."""
        with await self.send(Command.WRITE, offset, len(data), data, flags) as reply:
            await reply.complete()

    async def command(self, command: Command, offset: int = 0, length: int = 0) -> None:
        """A command without data: FLUSH, TRIM or WRITE_ZEROES."""
        with await self.send(command, offset, length) as reply:
            await reply.complete()

    async def block_status(self, offset: int, length: int) -> list[Extent]:
        """What is allocated from `offset` on, for as far as the server cares to tell."""
        with await self.send(Command.BLOCK_STATUS, offset, length) as reply:
            return (await reply.complete()).extents

    async def send(
        self,
        command: Command,
        offset: int,
        length: int,
        data: bytes = b"",
        flags: int = 0,
        room: int = 0,
    ) -> Reply:
        """Write one request. Its reply may be awaited later, elsewhere; the caller owns it."""
        cookie = next(self._cookies)
        reply = self._pending[cookie] = Reply(offset, room)
        try:
            if self._lost is not None:  # asked after the reply is listed: `receive_replies` does it the other way round
                raise self._lost
            await self._write(wire.REQUEST.pack(wire.REQUEST_MAGIC, flags, command, cookie, offset, length), data)
        except BaseException:
            self._pending.pop(cookie, None)
            reply.close()
            raise
        return reply

    async def disconnect(self) -> None:
        """Ask the server to finish what it has and leave; `receive_replies` ends when it has."""
        self._leaving = True
        await self._write(wire.REQUEST.pack(wire.REQUEST_MAGIC, 0, Command.DISC, 0, 0, 0))

    def pause(self) -> None:
        """Let `receive_replies` return, from any thread; requests and what is pending go on (QEMU: drained_begin)."""
        self._channel.quiesce()

    def resume(self) -> None:
        """Undo `pause`; then call `receive_replies` again."""
        self._channel.resume()

    def close(self) -> None:
        """Close the connection, from any thread; whatever is pending fails."""
        self._channel.close()

    async def _write(self, *message: bytes) -> None:
        async with self._turn:
            try:
                await self._channel.write_all(message)
            except BaseException:
                self._channel.close()  # perhaps in the middle of the message: nothing that follows would be understood
                raise

    # For the one coroutine that reads.

    async def receive_replies(self) -> None:
        """Read replies and hand each piece to the request it belongs to, until the server ends the connection.

        What is still pending then, and whatever is asked later, fails with the error that ended it. After `pause` it
        returns between two replies; called again, in whatever context, it goes on with the next.
        """
        try:
            while await self._channel.next_message():
                if (magic := await self._channel.read_exactly_or_eof(wire.REPLY_MAGIC.size)) is None:
                    self._lose(EndOfStream())
                    break
                await self._receive(magic)
        except BaseException as error:
            self._lose(error)
            if not (self._leaving and isinstance(error, BrokenResourceError)):  # many servers leave without TLS's bye
                raise

    def _lose(self, error: BaseException) -> None:
        self._lost = error
        while self._pending:
            self._pending.popitem()[1].finish(error)

    async def _receive(self, magic: bytes) -> None:
        number = wire.REPLY_MAGIC.unpack(magic)[0]
        if number == wire.SIMPLE_REPLY_MAGIC:
            rest = await self._channel.read_exactly(wire.SIMPLE_REPLY.size - len(magic))
            _, error, cookie = wire.SIMPLE_REPLY.unpack(magic + rest)
            self._asked(cookie).fault = OSError(error, "the server failed") if error else None
            self._finish(cookie)
            return
        expect(number, wire.CHUNK_MAGIC, "a reply's magic")
        rest = await self._channel.read_exactly(wire.CHUNK.size - len(magic))
        _, flags, kind, cookie, length = wire.CHUNK.unpack(magic + rest)
        if length > wire.LONGEST_PAYLOAD:
            raise ProtocolError(f"a chunk of {length} bytes")
        self._asked(cookie).take(kind, await self._channel.read_exactly(length))
        if flags & wire.CHUNK_DONE:
            self._finish(cookie)

    def _asked(self, cookie: int) -> Reply:
        try:
            return self._pending[cookie]
        except KeyError:
            raise ProtocolError(f"a reply to a request that nobody sent: {cookie}") from None

    def _finish(self, cookie: int) -> None:
        reply = self._pending.pop(cookie)
        reply.finish(reply.fault)
