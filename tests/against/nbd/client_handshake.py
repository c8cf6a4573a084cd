"""The client's side of the handshake: fixed newstyle, TLS if it is wanted, structured replies."""

import struct
from collections.abc import Awaitable, Callable

from prhelper.channel import Channel

from . import wire
from .client import Client
from .wire import HandshakeFlag, Info, Option, OptionReply, expect

Secure = Callable[[Channel], Awaitable[Channel]]
"""Puts TLS over a channel once both sides have agreed on it."""

ALLOCATION = b"base:allocation"


class OptionRefusedError(Exception):
    """The server says no; `reply` is its reason."""

    def __init__(self, option: Option, reply: int, message: bytes) -> None:
        super().__init__(f"{option.name}: {reply:#x} {message.decode()}")
        self.reply = reply


async def negotiate(channel: Channel, export: str, secure: Secure | None = None) -> Client:
    """Agree with the server at the other end on using `export`. Owns the channel; the client does from then on.

    Raises OptionRefusedError where the server does not agree, wire.ProtocolError where it does not speak NBD.
    """
    try:
        await _greet(channel)
        if secure is not None:
            await _ask(channel, Option.STARTTLS)
            channel = await secure(channel)
        return await _choose(channel, export.encode())
    except BaseException:
        channel.close()
        raise


async def _greet(channel: Channel) -> None:
    magic, option_magic, flags = wire.GREETING.unpack(await channel.read_exactly(wire.GREETING.size))
    expect((magic, option_magic), (wire.MAGIC, wire.OPTION_MAGIC), "the greeting")
    ours = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES
    expect(flags & ours, ours, "the handshake flags")
    await channel.write_all([wire.CLIENT_FLAGS.pack(ours)])


async def _choose(channel: Channel, name: bytes) -> Client:
    await _ask(channel, Option.STRUCTURED_REPLY)
    contexts = await _ask(channel, Option.SET_META_CONTEXT, _counted(name), struct.pack(">I", 1), _counted(ALLOCATION))
    expect([context[wire.CONTEXT_ID.size :] for context in contexts], [ALLOCATION], "the list of contexts")
    for info in await _ask(channel, Option.GO, _counted(name), struct.pack(">H", 0)):
        if wire.INFO_KIND.unpack_from(info)[0] == Info.EXPORT:
            _, size, transmission_flags = wire.INFO_EXPORT.unpack(info)
            return Client(channel, size, wire.TransmissionFlag(transmission_flags))
    raise wire.ProtocolError("the server agreed to go without telling the export's size")


async def _ask(channel: Channel, option: Option, *data: bytes) -> list[bytes]:
    """Ask for `option`: what the server tells before it agrees."""
    body = b"".join(data)
    await channel.write_all([wire.OPTION.pack(wire.OPTION_MAGIC, option, len(body)), body])
    told = []
    while True:
        magic, answered, reply, length = wire.OPTION_REPLY.unpack(await channel.read_exactly(wire.OPTION_REPLY.size))
        expect((magic, answered), (wire.OPTION_REPLY_MAGIC, option), "an option's reply")
        told.append(await channel.read_exactly(length))
        if reply == OptionReply.ACK:
            return told[:-1]
        if reply & wire.IS_ERROR:
            raise OptionRefusedError(option, reply, told[-1])


def _counted(text: bytes) -> bytes:
    return wire.LENGTH.pack(len(text)) + text
