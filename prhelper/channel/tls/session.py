"""One end of a TLS connection, which never waits (QEMU: QCryptoTLSSession).

**One lock.** OpenSSL allows one call at a time on a connection, even if one reads and the other writes. Reading may
produce ciphertext too: alerts, and answers to the peer. Each method holds the lock without waiting. Ciphertext goes to
the inner channel under the same lock, and so in the order in which it was produced, once.

**Unsent ciphertext.** Plaintext that was taken is encrypted for good, and its ciphertext must be sent (`ciphertext`).
No more is taken until then, so little is ever buffered.

**Interruptions.** When a message of the peer's own (a session ticket, for example) has arrived in part, OpenSSL does
not write until it has read the rest. If a reader waits, it does that: otherwise it would not notice that another had
taken its bytes from the inner channel. If none waits, the writer reads.

**The end.** Only close_notify ends the stream. An inner channel that ends without it was truncated, perhaps by an
attacker. That is an error, and remains one on every later call.
"""

import contextlib
import errno
import ssl
import threading
from collections.abc import Iterator, Sequence

from ..base import Channel
from ..errors import BrokenResourceError
from ..eventfd import EventFd
from ..transfer import ReadableBuffer, WritableBuffer
from ..vectors import gather, scatter
from .ciphertext import Ciphertext, again
from .errors import explain

_MAX_RECORD = 16384
"""Bytes of plaintext in one record (RFC 8446, 5.1)."""

_MAX_WRITE = 4 * _MAX_RECORD
"""Bytes of plaintext taken at a time."""


class TlsSession:
    """A connection over `inner`, which it uses and does not own. All methods may be called from any thread.

    They raise BrokenResourceError when the connection has failed, from the ssl.SSLError or other OSError.

    established: whether the handshake is complete.
    reader_waits: whether a reader waits, set by `note_reader`.
    """

    def __init__(self, inner: Channel, context: ssl.SSLContext, server_side: bool, server_hostname: str | None) -> None:
        self.established = False
        self._lock = threading.Lock()
        self._ciphertext = Ciphertext(inner)
        self._ssl = context.wrap_bio(self._ciphertext.incoming, self._ciphertext.outgoing, server_side, server_hostname)
        self._plaintext = memoryview(b"")
        self._ended = False
        self._reading_ended_here = False
        self._writing_ended_here = False
        self._fault: BrokenResourceError | None = None
        self._interrupted = False
        self._read_on: EventFd | None = None
        self.reader_waits = False

    def handshake(self) -> bool:
        """Continue the handshake as far as possible now; return whether it is complete."""
        with self._lock, self._failing("the TLS handshake failed"):
            while not self.established:
                try:
                    self._ssl.do_handshake()
                    self.established = True
                except ssl.SSLWantReadError:
                    self._ciphertext.send()
                    if not self._receive():
                        return False
            self._ciphertext.send()
            return True

    def read(self, buffers: Sequence[WritableBuffer]) -> int | None:
        """Read into `buffers`: the number of bytes, 0 after the peer's close_notify, None if it would block."""
        with self._lock:
            if not self._fetch():
                return None
            count = scatter(self._plaintext, buffers)
            self._plaintext = self._plaintext[count:]
            return count

    def write(self, buffers: Sequence[ReadableBuffer]) -> int | None:
        """Take plaintext from `buffers`: the number of bytes, None if it would block. `send` sends what is unsent."""
        with self._lock:
            if self._writing_ended_here:
                raise BrokenResourceError("writing was ended here") from BrokenPipeError(errno.EPIPE, "close_notify")
            if not self._ciphertext.send_all():
                return None
            if not (plaintext := gather(buffers, _MAX_WRITE)):
                return 0
            count = self._encrypt(plaintext)
            self._ciphertext.send_all()
            return count

    def readable(self) -> bool:
        """Whether `read` would not block: there is plaintext, the end, or an error to raise."""
        with self._lock:
            try:
                return self._fetch()
            except BrokenResourceError:
                return True

    def send(self) -> bool:
        """Send what is unsent; return whether nothing is left of it."""
        with self._lock:
            return self._ciphertext.send_all()

    def end_writing(self) -> bool:
        """Send close_notify after all that was written; return False if an interruption has to end first."""
        with self._lock:
            due = self.established and not self._writing_ended_here
            done = not due or self._make_close_notify()
            self._writing_ended_here |= done
            self._ciphertext.send()
            return done

    def shut_down_writing(self) -> None:
        """Shut down writing on the inner channel as soon as nothing is unsent."""
        with self._lock:
            self._ciphertext.shut_down_when_sent()
            self._ciphertext.send()

    def end_reading(self) -> None:
        """Treat the end of the inner channel as the end of the stream: reading was shut down on this side."""
        with self._lock:
            self._reading_ended_here = True

    def receive_leftovers(self) -> None:
        """Discard unread input: closing a TCP socket with any sends RST and drops output not yet transmitted."""
        with self._lock:
            self._ciphertext.receive()

    @property
    def unsent(self) -> bool:
        """Whether ciphertext waits for room in the inner channel."""
        return self._ciphertext.unsent

    def note_reader(self, waits: bool) -> None:
        """Note that a reader begins to wait, before it looks for plaintext, or that it has stopped, for any reason."""
        with self._lock:
            self.reader_waits = waits
            if not waits and self._read_on is not None:
                self._read_on.set()

    @property
    def interruption(self) -> EventFd | None:
        """While a writer is interrupted: readable once a reader has read on or left. Owned by this object."""
        return self._read_on if self._interrupted else None

    def close(self) -> None:
        """Close the descriptor of `interruption`, if there is one."""
        if self._read_on is not None:
            self._read_on.close()

    # Under the lock.

    def _fetch(self) -> bool:
        """Read plaintext, or the end, unless there is some already; return False if that would block."""
        with self._failing("TLS failed"):
            while not self._plaintext and not self._ended:
                try:
                    self._plaintext = memoryview(self._ssl.read(_MAX_RECORD))
                    self._ended = not self._plaintext
                except ssl.SSLZeroReturnError:  # both ends have sent close_notify
                    self._ended = True
                except ssl.SSLWantReadError:
                    if not self._receive(clean_end=self._reading_ended_here):
                        return False
                    if self._read_on is not None:
                        self._read_on.set()
                finally:
                    self._ciphertext.send_answers()
        return True

    def _encrypt(self, plaintext: bytes | memoryview) -> int | None:
        """Pass plaintext to OpenSSL: the number of bytes it took, None if it is interrupted."""
        with self._failing("TLS failed"):
            while True:
                try:
                    count = self._ssl.write(plaintext)
                except ssl.SSLWantReadError:
                    if self.reader_waits or not self._receive():
                        self._interrupt()
                        return None
                else:
                    self._interrupted = False
                    return count

    def _interrupt(self) -> None:
        if self._read_on is None:
            self._read_on = EventFd()
        self._read_on.clear()
        self._interrupted = True

    def _receive(self, clean_end: bool = False) -> bool:
        """Take ciphertext, or the inner channel's end, proper or not; return False if it would block."""
        if (count := self._ciphertext.receive()) is None:
            return False
        if count == 0 and clean_end:
            self._ended = True
        elif count == 0:
            self._ciphertext.incoming.write_eof()
        return True

    def _make_close_notify(self) -> bool:
        """Have OpenSSL produce close_notify; return False if it is interrupted."""
        if self._encrypt(b"") is None:
            return False
        # OpenSSL then looks for the peer's, and discards what it finds before it: let it find nothing.
        unread = self._ciphertext.incoming.read()
        with contextlib.suppress(ssl.SSLError):  # the peer's has not arrived yet
            self._ssl.unwrap()
        if unread:
            self._ciphertext.incoming.write(unread)
        return True

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Raise the first failure again on every later call: OpenSSL's later errors say nothing."""
        if self._fault is not None:
            raise again(self._fault)
        try:
            yield
        except BrokenResourceError as error:
            self._fault = error
            raise
        except ssl.SSLError as error:
            self._fault = BrokenResourceError(f"{what}: {explain(error)}")
            self._ciphertext.send()  # the alert that tells the peer why
            raise self._fault from error
