"""The server's side of the handshake: fixed newstyle, TLS if it is demanded, structured replies."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from prhelper.channel import Channel

from . import wire
from .wire import HandshakeFlag, Info, Option, OptionReply, ProtocolError, TransmissionFlag, expect

Secure = Callable[[Channel], Awaitable[Channel]]
"""Puts TLS over a channel once both sides have agreed on it."""

_CAN = (
    TransmissionFlag.HAS_FLAGS
    | TransmissionFlag.SEND_FLUSH
    | TransmissionFlag.SEND_FUA
    | TransmissionFlag.SEND_TRIM
    | TransmissionFlag.SEND_WRITE_ZEROES
)


class Export(NamedTuple):
    """What is served: a file, open for reading and writing, under a name. Whoever opened the file closes it."""

    name: str
    fd: int
    size: int


class Agreement(NamedTuple):
    """What the handshake came to: the channel to go on with, and how reads are answered there."""

    channel: Channel
    structured: bool


async def negotiate(channel: Channel, export: Export, secure: Secure | None = None) -> Agreement | None:
    """Agree with the client at the other end on using `export`; None if it only had a look and left.

    Owns the channel, and closes it unless there is an agreement: then that is the owner of the channel in it.

    secure: demand TLS before anything else, and start it with this.
    """
    haggling = _Haggling(channel, export, secure)
    agreement = None
    try:
        agreement = await haggling.run()
    finally:
        if agreement is None:
            haggling.channel.close()
    return agreement


class _Haggling:
    """One client's options, answered one after another."""

    def __init__(self, channel: Channel, export: Export, secure: Secure | None) -> None:
        self.channel = channel
        self._export = export
        self._secure = secure
        self._structured = False

    async def run(self) -> Agreement | None:
        ours = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES
        await self.channel.write_all([wire.GREETING.pack(wire.MAGIC, wire.OPTION_MAGIC, ours)])
        if (reply := await self.channel.read_exactly_or_eof(wire.CLIENT_FLAGS.size)) is None:
            return None
        expect(wire.CLIENT_FLAGS.unpack(reply)[0], ours, "the client's flags")
        while (header := await self.channel.read_exactly_or_eof(wire.OPTION.size)) is not None:
            magic, option, length = wire.OPTION.unpack(header)
            expect(magic, wire.OPTION_MAGIC, "an option's magic")
            if length > wire.LONGEST_OPTION or option == Option.EXPORT_NAME:  # these cannot be answered with an error
                raise ProtocolError(f"option {option} with {length} bytes")
            data = await self.channel.read_exactly(length)
            if option == Option.ABORT:
                await self._reply(option, OptionReply.ACK)
                return None
            if await self._answer(option, data):
                return Agreement(self.channel, self._structured)
        return None

    async def _answer(self, option: int, data: bytes) -> bool:
        """Whether the haggling is over and the data flows."""
        if self._secure is not None and option != Option.STARTTLS:
            await self._reply(option, OptionReply.ERR_TLS_REQD)
        elif self._secure is not None:
            await self._reply(option, OptionReply.ACK)
            secure, self._secure = self._secure, None
            self.channel = await secure(self.channel)
        elif option == Option.STRUCTURED_REPLY:
            self._structured = True
            await self._reply(option, OptionReply.ACK)
        elif option == Option.LIST:
            name = self._export.name.encode()
            await self._reply(option, OptionReply.SERVER, wire.LENGTH.pack(len(name)) + name)
            await self._reply(option, OptionReply.ACK)
        elif option in (Option.GO, Option.INFO):
            return await self._describe(option, data) and option == Option.GO
        else:
            await self._reply(option, OptionReply.ERR_UNSUP)
        return False

    async def _describe(self, option: int, data: bytes) -> bool:
        """Whether the client asked for an export that there is."""
        start = wire.LENGTH.size
        name = data[start : start + wire.LENGTH.unpack_from(data)[0]]
        if name != self._export.name.encode():
            await self._reply(option, OptionReply.ERR_UNKNOWN, b"no such export")
            return False
        await self._reply(option, OptionReply.INFO, wire.INFO_EXPORT.pack(Info.EXPORT, self._export.size, _CAN))
        await self._reply(option, OptionReply.ACK)
        return True

    async def _reply(self, option: int, reply: OptionReply, data: bytes = b"") -> None:
        header = wire.OPTION_REPLY.pack(wire.OPTION_REPLY_MAGIC, option, reply, len(data))
        await self.channel.write_all([header, data])
