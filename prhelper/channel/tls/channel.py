"""The TLS kind: over any other channel that carries bytes both ways (QEMU: QIOChannelTLS).

What happens to the bytes is told in `tls_session`; here is who waits for what. A coroutine waits for the descriptors of
the inner channel, in its own context as ever, until there is plaintext to read or all ciphertext is on its way.

**Nothing stays behind.** Where ciphertext did not fit into the inner channel, the writer waits until it does. What a
cancelled writer leaves, and what reading makes, is sent by whoever is or comes next in either direction: while there is
any, a coroutine that waits to read waits for both directions, so that two peers never wait for one another.

**Renegotiation**, which TLS 1.3 has no more, is switched off in the context that is given: with it a peer could halt
the stream at any moment, and show another identity than at first.
"""

import contextlib
import ssl
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from ..any_of import AnyOf
from ..base import Channel
from ..descriptors import OwnedFd
from ..errors import BrokenResourceError, ClosedResourceError
from ..feature import Feature
from ..transfer import ReadableBuffer, WritableBuffer
from ..waiter import Direction
from .session import TlsSession


class TlsChannel(Channel):
    """TLS over `inner`, which it owns from then on: nobody else may use it. Make one by `client` or `server`.

    `close` closes `inner` too, and blocks where that does (a command, until its process is gone).

    `handshake` comes first. The end of the stream is the peer's close_notify; where the inner channel ends without it,
    reading raises BrokenResourceError. SHUTDOWN and DELAY are there if `inner` has them, and the home loop is that
    of `inner`.

    `writev` may take bytes whose ciphertext does not all fit into the inner channel: `write_all` returns when it does;
    after `writev`, wait for WRITE.
    """

    def __init__(
        self, inner: Channel, context: ssl.SSLContext, server_side: bool, server_hostname: str | None = None
    ) -> None:
        super().__init__()
        context.options |= ssl.OP_NO_RENEGOTIATION
        # Python has OpenSSL 3 take a stream that was cut off for one that has ended, unless it is told not to.
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        self.features = inner.features & (Feature.SHUTDOWN | Feature.DELAY)
        self.home = inner.home
        self._session = TlsSession(inner, context, server_side, server_hostname)
        self._inner = inner
        self._is_client = not server_side
        self._for_reader = AnyOf()
        self._for_writer = AnyOf()

    @classmethod
    def client(cls, inner: Channel, context: ssl.SSLContext, server_hostname: str | None = None) -> Self:
        """The client's end. `server_hostname`: whom the server's certificate must name.

        Raises ValueError without it, if `context` is to check that: OpenSSL would let any name pass.
        """
        if context.check_hostname and not server_hostname:
            raise ValueError("server_hostname is missing, and the context is to check it (check_hostname)")
        return cls(inner, context, server_side=False, server_hostname=server_hostname)

    @classmethod
    def server(cls, inner: Channel, context: ssl.SSLContext) -> Self:
        """The server's end."""
        return cls(inner, context, server_side=True)

    async def handshake(self, deadline: float | None = None) -> None:
        """Agree with the peer on the keys, and on who it is, as the context demands; before anything else.

        Raises BrokenResourceError, saying why, if that fails. A client may learn only when it reads that the server
        does not accept it (TLS 1.3). After a cancellation it can be called again.
        """
        while not self._go_on_with_handshake():
            await super()._wait(Direction.READ, deadline)
        if self._is_client:  # the peer cannot go on without the last message; a server's only offers session tickets
            await self.wait(Direction.WRITE, deadline)

    async def write_all(
        self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = (), deadline: float | None = None
    ) -> None:
        """Write everything in `buffers`, and wait until the inner channel has taken it."""
        with self._reader_told_of_what_is_left():
            await super().write_all(buffers, fds, deadline)
            await self.wait(Direction.WRITE, deadline)

    async def bye(self, deadline: float | None = None) -> None:
        """End writing with close_notify, and wait until the inner channel has taken it (QEMU: qio_channel_tls_bye).

        Reading goes on. `close` says close_notify too, but cannot wait where the inner channel is clogged: the peer
        then finds the stream cut off.
        """
        with self._reader_told_of_what_is_left():
            while not self._end_writing():
                await self.wait(Direction.WRITE, deadline)
            await self.wait(Direction.WRITE, deadline)

    @contextlib.contextmanager
    def _reader_told_of_what_is_left(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.wake_read()  # to wait for both directions from now on
            raise

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int | None:
        self._require_handshake()
        return self._session.read(buffers)

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int | None:
        self._require_handshake()
        return self._session.write(buffers)

    def _require_handshake(self) -> None:
        if not self._session.established:
            raise RuntimeError("a TLS channel carries nothing before its handshake: await handshake() first")

    def _go_on_with_handshake(self) -> bool:
        self._lifetime.hold()
        try:
            return self._session.handshake()
        finally:
            self._lifetime.release()

    def _end_writing(self) -> bool:
        self._lifetime.hold()
        try:
            return self._session.end_writing()
        finally:
            self._lifetime.release()

    def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:
        inner, session = self._inner, self._session
        if direction is Direction.WRITE and (over := session.interruption) is not None:
            told = (over.fileno(), Direction.READ)
            return told if session.reader_waits else self._for_writer.wait_on(inner._wait_on(Direction.READ), told)
        if session.established and self._worth_a_try(direction):
            return None
        if direction is Direction.READ and session.unsent:
            return self._for_reader.wait_on(inner._wait_on(Direction.READ), inner._wait_on(Direction.WRITE))
        return inner._wait_on(direction)

    def _worth_a_try(self, direction: Direction) -> bool:
        return self._session.readable() if direction is Direction.READ else self._flush()

    def _flush(self) -> bool:
        return self._session.send() and self._inner._flush()

    async def _wait(self, direction: Direction, deadline: float | None, until_quiesced: bool = False) -> bool:
        self._require_handshake()
        if direction is Direction.READ:
            self._session.note_reader(True)
        try:
            # What the inner channel has to read may be no plaintext, and what it has room for may be too little.
            while await super()._wait(direction, deadline, until_quiesced):
                if self._ready(direction):
                    return True
            return False
        finally:
            if direction is Direction.READ:
                self._session.note_reader(False)

    def _readable_now(self) -> bool:
        return self._ready(Direction.READ)

    def _ready(self, direction: Direction) -> bool:
        self._lifetime.hold()
        try:
            return self._worth_a_try(direction)
        finally:
            self._lifetime.release()

    def _shutdown(self, direction: Direction | None) -> None:
        if direction is not Direction.WRITE:
            self._session.end_reading()
        if direction is not Direction.READ:
            with contextlib.suppress(BrokenResourceError):
                self._session.end_writing()
        if direction is Direction.WRITE:
            self._session.shut_down_writing()
            self.wake_read()  # if close_notify is still unsent, it is for the reader's wait to care for that too
        else:
            self._inner.shutdown(direction)

    def _set_delay(self, delay: bool) -> None:
        self._inner.set_delay(delay)

    def _set_cork(self, cork: bool) -> None:
        self._inner.set_cork(cork)

    def _dispose(self) -> None:
        with contextlib.suppress(BrokenResourceError, ClosedResourceError):
            self._session.end_writing()
            self._session.receive_leftovers()
        for used in self._for_reader, self._for_writer, self._session:
            used.close()
        self._inner.close()
