"""An NBD server for one client, in which nobody waits for anybody else.

One coroutine, `read_requests`, reads what the client asks and deals it out. Any number of others, `answer_requests`,
each in an event loop or thread of its own, do what is asked and write the answer. All of them use one channel, which
belongs to no loop: the reader waits for the next request in its loop while a slow client makes a writer wait in
another. A long answer is written in pieces, and others may come in between.
"""

import contextlib
import errno
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prhelper.channel import BrokenResourceError, ClosedResourceError

from ..handover import Inbox, Turn
from . import wire
from .server_handshake import Agreement, Export
from .wire import Chunk, Command, CommandFlag, ProtocolError, expect

_PIECE = 64 * 1024
"""Bytes of one piece of a structured reply."""


class Request(NamedTuple):
    """What the client asks. data: what it wants written."""

    flags: int
    command: int
    cookie: int
    offset: int
    length: int
    data: bytes


class Session:
    """One client, its handshake done. Owns the channel. A context manager: leaving it closes all.

    answerers: how many coroutines will run `answer_requests`, each with a number of its own below that.
    """

    def __init__(self, agreement: Agreement, export: Export, answerers: int) -> None:
        self._channel, self._structured = agreement
        self._export = export
        self._turn = Turn()
        self._inboxes: list[Inbox[Request | None]] = [Inbox() for _ in range(answerers)]
        self._deal = itertools.cycle(self._inboxes)

    async def read_requests(self) -> bool:
        """Read requests and deal them out, until the client leaves (True), or until `pause` (False).

        After a pause it may be called again, in whatever context. When the client has left, the answerers end too.
        """
        try:
            while await self._channel.next_message():
                if (request := await self._read_request()) is None:
                    break
                next(self._deal).put(request)
            else:
                return False
        except BaseException:
            self._dismiss_answerers()
            raise
        self._dismiss_answerers()
        return True

    def pause(self) -> None:
        """Let `read_requests` return between two requests, from any thread (QEMU: nbd_drained_begin)."""
        self._channel.quiesce()

    def resume(self) -> None:
        """Undo `pause`; then call `read_requests` again."""
        self._channel.resume()

    async def answer_requests(self, number: int) -> None:
        """Answer what is dealt to this answerer, until the client has left."""
        while (request := await self._inboxes[number].get()) is not None:
            with contextlib.suppress(BrokenResourceError, ClosedResourceError):  # the reader's to notice
                await self._answer(request)

    def close(self) -> None:
        """Close the connection, from any thread, whatever is under way."""
        self._channel.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        for inbox in self._inboxes:
            inbox.close()

    def _dismiss_answerers(self) -> None:
        for inbox in self._inboxes:
            inbox.put(None)

    async def _read_request(self) -> Request | None:
        """The next request; None when the client takes its leave, or is gone."""
        if (header := await self._channel.read_exactly_or_eof(wire.REQUEST.size)) is None:
            return None
        magic, flags, command, cookie, offset, length = wire.REQUEST.unpack(header)
        expect(magic, wire.REQUEST_MAGIC, "a request's magic")
        if command == Command.DISC:
            return None
        data = b""
        if command == Command.WRITE:
            if length > wire.LONGEST_PAYLOAD:
                raise ProtocolError(f"{length} bytes to write at once")
            data = await self._channel.read_exactly(length)
        return Request(flags, command, cookie, offset, length, data)

    async def _answer(self, request: Request) -> None:
        try:
            found = perform(request, self._export)
        except OSError as error:
            await self._answer_error(request, error.errno or 0)
            return
        if request.command == Command.READ and self._structured:
            for chunk in chunks(request, found):
                await self._write(chunk)
        else:
            await self._write([wire.SIMPLE_REPLY.pack(wire.SIMPLE_REPLY_MAGIC, 0, request.cookie), found])

    async def _answer_error(self, request: Request, error: int) -> None:
        if not self._structured:
            await self._write([wire.SIMPLE_REPLY.pack(wire.SIMPLE_REPLY_MAGIC, error, request.cookie)])
            return
        text = os.strerror(error).encode()
        await self._write(chunk(request, Chunk.ERROR, wire.ERROR.pack(error, len(text)), text, last=True))

    async def _write(self, message: Sequence[bytes]) -> None:
        async with self._turn:
            await self._channel.write_all(message)


def perform(request: Request, export: Export) -> bytes:
    """Do what is asked: the bytes that were read, if any. Raises OSError where that cannot be done."""
    if request.offset + request.length > export.size:
        raise OSError(errno.EINVAL, "beyond the end of the export")
    found = b""
    match request.command:
        case Command.READ:
            found = os.pread(export.fd, request.length, request.offset)
        case Command.WRITE:
            os.pwrite(export.fd, request.data, request.offset)
        case Command.TRIM | Command.WRITE_ZEROES:
            os.pwrite(export.fd, bytes(request.length), request.offset)
        case Command.FLUSH:
            os.fdatasync(export.fd)
        case _:
            raise OSError(errno.EINVAL, "an unknown command")
    if request.flags & CommandFlag.FUA:
        os.fdatasync(export.fd)
    return found


def chunks(request: Request, data: bytes) -> Iterator[Sequence[bytes]]:
    """A read's structured reply, piece by piece; a piece that is all zeroes is told, not sent."""
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        offset = request.offset + start
        last = start + len(piece) == len(data)
        if any(piece):
            yield chunk(request, Chunk.OFFSET_DATA, wire.OFFSET.pack(offset), piece, last=last)
        else:
            yield chunk(request, Chunk.OFFSET_HOLE, wire.HOLE.pack(offset, len(piece)), last=last)


def chunk(request: Request, kind: Chunk, *payload: bytes, last: bool) -> Sequence[bytes]:
    """One piece of a structured reply."""
    flags = wire.CHUNK_DONE if last else 0
    return wire.CHUNK.pack(wire.CHUNK_MAGIC, flags, kind, request.cookie, sum(map(len, payload))), *payload
