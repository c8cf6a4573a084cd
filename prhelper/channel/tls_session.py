"""One end of a TLS connection, as something that never waits (QEMU: QCryptoTLSSession).

Between OpenSSL and the inner channel lie two buffers in memory: what came and OpenSSL has yet to take, and what OpenSSL
made and has yet to go. This module carries both to and from the inner channel.

**One lock.** OpenSSL allows one call at a time into a connection, even where one reads and the other writes. Reading
may make ciphertext too: alerts, and answers to the peer. Each method takes the lock and gives it back without having
waited; ciphertext goes on to the inner channel under the same lock, and so in the order in which it was made, once.

**What is unsent.** Plaintext that was taken is encrypted for good, and its ciphertext has to go out even if the inner
channel has no room for it now. Nothing more is taken before that has happened: little is ever under way.

**The end.** Only close_notify ends the stream. An inner channel that ends without it was cut off, perhaps by an
attacker, and that is an error, which stays one however often it is asked for.
"""

import contextlib
import errno
import ssl
import threading
from collections.abc import Iterator, Sequence

from .base import Channel
from .errors import BrokenResourceError
from .tls_errors import explain
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import gather, scatter
from .waiter import Direction

_LONGEST_RECORD = 16384
"""Bytes of plaintext in one record, at most (RFC 8446, 5.1)."""

_MOST_PLAINTEXT = 4 * _LONGEST_RECORD
_MOST_CIPHERTEXT = 65536
"""Bytes taken at a time, from a writer and from the inner channel."""


class TlsSession:
    """A connection over `inner`, which it uses and does not own. All methods may be called from any thread.

    They raise BrokenResourceError when the connection has failed, with the ssl.SSLError or other OSError as its cause.
    """

    def __init__(self, inner: Channel, context: ssl.SSLContext, server_side: bool, server_hostname: str | None) -> None:
        self.established = False
        self._inner = inner
        self._lock = threading.Lock()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._received = bytearray(_MOST_CIPHERTEXT)
        self._plaintext = memoryview(b"")
        self._unsent = memoryview(b"")
        self._ended = False
        self._reading_ended_here = False
        self._writing_ended_here = False
        self._shut_down_when_sent = False
        self._fault: BrokenResourceError | None = None
        self._send_fault: BrokenResourceError | None = None

    def handshake(self) -> bool:
        """Go on with the handshake as far as is possible now: whether it is complete."""
        with self._lock, self._failing("the TLS handshake failed"):
            while not self.established:
                try:
                    self._ssl.do_handshake()
                    self.established = True
                except ssl.SSLWantReadError:
                    self._send()
                    if not self._receive():
                        return False
            self._send()
            return True

    def read(self, buffers: Sequence[WritableBuffer]) -> int | None:
        """Read into `buffers`: how many bytes, 0 after the peer's close_notify, None if it would block."""
        with self._lock:
            if not self._fetch():
                return None
            count = scatter(self._plaintext, buffers)
            self._plaintext = self._plaintext[count:]
            return count

    def write(self, buffers: Sequence[ReadableBuffer]) -> int | None:
        """Take plaintext from `buffers`: how many bytes, None if it would block. `send` sends what is left unsent."""
        with self._lock:
            if self._writing_ended_here:
                raise BrokenResourceError("writing was ended on this side") from BrokenPipeError(
                    errno.EPIPE, "close_notify"
                )
            if not self._send_all():
                return None
            if not (plaintext := gather(buffers, _MOST_PLAINTEXT)):
                return 0
            with self._failing("TLS failed"):
                count = self._ssl.write(plaintext)
            self._send_all()
            return count

    def readable(self) -> bool:
        """Whether `read` would not block now: there is plaintext, or the end, or a failure to tell."""
        with self._lock:
            try:
                return self._fetch()
            except BrokenResourceError:
                return True

    def send(self) -> bool:
        """Send what is unsent: whether nothing is left of it."""
        with self._lock:
            return self._send_all()

    def end_writing(self, shut_down: bool) -> None:
        """Have close_notify sent behind all that was written. Harmless when done before.

        shut_down: then shut down the inner channel's writing as well, as soon as all was sent.
        """
        with self._lock:
            self._shut_down_when_sent |= shut_down
            if not self._writing_ended_here:
                self._writing_ended_here = True
                self._say_close_notify()
            self._send()

    def end_reading(self) -> None:
        """From now on take the end of the inner channel for the end of the stream: it was shut down on this side."""
        with self._lock:
            self._reading_ended_here = True

    def receive_leftovers(self) -> None:
        """Take from the inner channel what nobody will read: TCP throws the unsent away if its socket is closed so."""
        with self._lock:
            self._receive()

    @property
    def unsent(self) -> bool:
        """Whether ciphertext waits for room in the inner channel."""
        return bool(self._unsent)

    # Under the lock.

    def _fetch(self) -> bool:
        """Have plaintext, or know of the end: False where that would block."""
        with self._failing("TLS failed"):
            while not self._plaintext and not self._ended:
                try:
                    self._plaintext = memoryview(self._ssl.read(_LONGEST_RECORD))
                    self._ended = not self._plaintext
                except ssl.SSLZeroReturnError:  # both ends have said close_notify
                    self._ended = True
                except ssl.SSLWantReadError:
                    if not self._receive():
                        return False
                finally:
                    self._send_answers()
        return True

    def _receive(self) -> bool:
        """Take ciphertext, or the end, from the inner channel: False if it would block."""
        if (count := self._inner.readv([self._received])) is None:
            return False
        if count:
            self._incoming.write(memoryview(self._received)[:count])
        elif self._reading_ended_here and self.established:
            self._ended = True
        else:
            self._incoming.write_eof()
        return True

    def _send_all(self) -> bool:
        """As `_send`, for those who write, and so are told of what cannot be sent."""
        if self._send() and self._send_fault is not None:
            raise _again(self._send_fault)
        return not self._unsent

    def _send(self) -> bool:
        """Send what is unsent: whether nothing is left of it, because it went or because it never can."""
        try:
            while self._unsent or self._outgoing.pending:
                if not self._unsent:
                    self._unsent = memoryview(self._outgoing.read())
                if (count := self._inner.writev([self._unsent])) is None:
                    return False
                self._unsent = self._unsent[count:]
        except BrokenResourceError as error:
            # Not for those who read to see: what the peer sent before it went may still be there.
            self._send_fault = error
            self._unsent = memoryview(b"")
            self._outgoing.read()
        if self._shut_down_when_sent:
            self._shut_down_when_sent = False
            self._inner.shutdown(Direction.WRITE)
        return True

    def _send_answers(self) -> None:
        """Send what reading made: no fault to a writer whose own bytes have all gone, if the peer is gone as well."""
        fault, all_sent = self._send_fault, not self._unsent
        self._send()
        if all_sent:
            self._send_fault = fault

    def _say_close_notify(self) -> None:
        if not self.established or self._fault is not None:
            return
        # Having said it, OpenSSL throws away what it finds while it looks for the peer's: let it find nothing.
        while pending := self._ssl.pending():
            self._plaintext = memoryview(bytes(self._plaintext) + self._ssl.read(pending))
        unread = self._incoming.read()
        with contextlib.suppress(ssl.SSLError):  # the peer has not said it yet
            self._ssl.unwrap()
        if unread:
            self._incoming.write(unread)

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Once failed, the connection stays so: OpenSSL's errors afterwards would tell nothing."""
        if self._fault is not None:
            raise _again(self._fault)
        try:
            yield
        except BrokenResourceError as error:
            self._fault = error
            raise
        except ssl.SSLError as error:
            self._fault = BrokenResourceError(f"{what}: {explain(error)}")
            self._send()  # the alert that tells the peer why
            raise self._fault from error


def _again(fault: BrokenResourceError) -> BrokenResourceError:
    """The same once more, without the traceback of the first time."""
    again = BrokenResourceError(*fault.args)
    again.__cause__ = fault.__cause__
    return again
