"""The TLS kind: over any other channel that carries bytes both ways (QEMU: QIOChannelTLS).

`session` describes what happens to the bytes; this module arranges the waits. A coroutine waits for the descriptors of
the inner channel, in its own context as ever, until there is plaintext to read or all ciphertext has been sent.

**No ciphertext stays behind.** If ciphertext does not fit into the inner channel, the writer waits until it does. What
a cancelled writer leaves, and what reading produces, is sent by the next call in either direction. While there is any,
a coroutine that waits to read waits for both directions, so that two peers never wait for each other.

**Renegotiation**, which TLS 1.3 has removed, is disabled in the given context: with it a peer could halt the stream at
any moment, and change its identity.
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
    """TLS over `inner`, which it owns; no other code may use `inner` any more. Make one by `client` or `server`.

    `close` closes `inner` too, and blocks where that does (a command, until its process has ended).

    `handshake` comes first. The stream ends with the peer's close_notify; if the inner channel ends without it, reading
    raises BrokenResourceError. SHUTDOWN and DELAY are those of `inner`, and so is the home loop.

    `writev` may take bytes whose ciphertext does not all fit into the inner channel: afterwards, wait for WRITE.
    `write_all` does so itself.
    """

    def __init__(
        self, inner: Channel, context: ssl.SSLContext, server_side: bool, server_hostname: str | None = None
    ) -> None:
        super().__init__()
        context.options |= ssl.OP_NO_RENEGOTIATION
        # Python has OpenSSL 3 treat truncation as the end of the stream, unless told not to.
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
        """The client's end.

        server_hostname: the name that the server's certificate must have. Raises ValueError without it, if `context`
            checks the name: OpenSSL would accept any.
        """
        if context.check_hostname and not server_hostname:
            raise ValueError("server_hostname is missing, and the context checks it (check_hostname)")
        return cls(inner, context, server_side=False, server_hostname=server_hostname)

    @classmethod
    def server(cls, inner: Channel, context: ssl.SSLContext) -> Self:
        return cls(inner, context, server_side=True)

    async def handshake(self, deadline: float | None = None) -> None:
        """Exchange keys, and verify the peer as the context demands; required before reading and writing.

        Raises BrokenResourceError, with the reason, if that fails. In TLS 1.3 a client may learn only when it reads
        that the server has refused it. After a cancellation it can be called again.
        """
        while not self._go_on_with_handshake():
            await super()._wait(Direction.READ, deadline)
        if self._is_client:  # the server needs the last message; a server's own last one only offers session tickets
            await self.wait(Direction.WRITE, deadline)

    async def write_all(
        self, buffers: Sequence[ReadableBuffer], fds: Iterable[int] = (), deadline: float | None = None
    ) -> None:
        """Write all of `buffers`, and wait until the inner channel has taken it."""
        with self._unsent_left_to_reader():
            await super().write_all(buffers, fds, deadline)
            await self.wait(Direction.WRITE, deadline)

    async def bye(self, deadline: float | None = None) -> None:
        """End writing with close_notify, and wait until the inner channel has taken it (QEMU: qio_channel_tls_bye).

        Reading goes on. `close` sends close_notify too, but cannot wait for room in the inner channel: if there is
        none, the peer finds the stream truncated.
        """
        with self._unsent_left_to_reader():
            while not self._end_writing():
                await self.wait(Direction.WRITE, deadline)
            await self.wait(Direction.WRITE, deadline)

    @contextlib.contextmanager
    def _unsent_left_to_reader(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.wake_read()  # it waits for both directions from now on
            raise

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int | None:
        self._require_handshake()
        return self._session.read(buffers)

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int | None:
        self._require_handshake()
        return self._session.write(buffers)

    def _require_handshake(self) -> None:
        if not self._session.established:
            raise RuntimeError("a TLS channel carries no data before its handshake: await handshake() first")

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
            end = (over.fileno(), Direction.READ)
            return end if session.reader_waits else self._for_writer.wait_on(inner._wait_on(Direction.READ), end)
        if session.established and self._worth_a_try(direction):
            return None
        if direction is Direction.READ and session.unsent:
            return self._for_reader.wait_on(inner._wait_on(Direction.READ), inner._wait_on(Direction.WRITE))
        return inner._wait_on(direction)

    def _worth_a_try(self, direction: Direction) -> bool:
        return self._session.readable() if direction is Direction.READ else self._flush()

    def _flush(self) -> bool:
        return self._session.send() and self._inner._flush()

    async def _wait(self, direction: Direction, deadline: float | None, until_quiesced: int = 0) -> bool:
        self._require_handshake()
        if direction is Direction.READ:
            self._session.note_reader(True)
        try:
            # What has arrived may hold no plaintext, and what there is room for may be less than the ciphertext.
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
            self.wake_read()  # to wait for room too, if close_notify is still unsent
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
