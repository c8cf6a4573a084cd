"""One end of a TLS connection, as something that never waits (QEMU: QCryptoTLSSession).

**One lock.** OpenSSL allows one call at a time into a connection, even where one reads and the other writes. Reading
may make ciphertext too: alerts, and answers to the peer. Each method takes the lock and gives it back without having
waited; ciphertext goes on to the inner channel under the same lock, and so in the order in which it was made, once.

**What is unsent.** Plaintext that was taken is encrypted for good, and its ciphertext has to go out (`tls_ciphertext`).
Nothing more is taken before that has happened: little is ever under way.

**Interruptions.** When the peer's own message (a session ticket, say) has come in part, OpenSSL writes nothing until it
has read the rest. That is left to a reader, where one waits: it would never learn of what another took from the inner
channel. Where none does, the writer reads on.

**The end.** Only close_notify ends the stream. An inner channel that ends without it was cut off, perhaps by an
attacker, and that is an error, which stays one however often it is asked for.
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

_LONGEST_RECORD = 16384
"""Bytes of plaintext in one record, at most (RFC 8446, 5.1)."""

_MOST_TAKEN = 4 * _LONGEST_RECORD
"""Bytes of plaintext taken at a time."""


class TlsSession:
    """A connection over `inner`, which it uses and does not own. All methods may be called from any thread.

    They raise BrokenResourceError when the connection has failed, with the ssl.SSLError or other OSError as its cause.

    established: whether the handshake is complete.
    reader_waits: whether a reader does, as `note_reader` was told.
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
        """Go on with the handshake as far as is possible now: whether it is complete."""
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
                raise BrokenResourceError("writing was ended here") from BrokenPipeError(errno.EPIPE, "close_notify")
            if not self._ciphertext.send_all():
                return None
            if not (plaintext := gather(buffers, _MOST_TAKEN)):
                return 0
            count = self._encrypt(plaintext)
            self._ciphertext.send_all()
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
            return self._ciphertext.send_all()

    def end_writing(self) -> bool:
        """Have close_notify sent behind all that was written: False if an interruption has to be over first."""
        with self._lock:
            due = self.established and not self._writing_ended_here
            done = not due or self._say_close_notify()
            self._writing_ended_here |= done
            self._ciphertext.send()
            return done

    def shut_down_writing(self) -> None:
        """Shut down the inner channel's writing as soon as nothing is unsent."""
        with self._lock:
            self._ciphertext.shut_down_when_sent()
            self._ciphertext.send()

    def end_reading(self) -> None:
        """From now on take the end of the inner channel for the end of the stream: it was shut down on this side."""
        with self._lock:
            self._reading_ended_here = True

    def receive_leftovers(self) -> None:
        """Take from the inner channel what nobody will read: TCP throws the unsent away if its socket is closed so."""
        with self._lock:
            self._ciphertext.receive()

    @property
    def unsent(self) -> bool:
        """Whether ciphertext waits for room in the inner channel."""
        return self._ciphertext.unsent

    def note_reader(self, waits: bool) -> None:
        """A reader begins to wait, which it says before it looks for plaintext; or it has stopped, for any reason."""
        with self._lock:
            self.reader_waits = waits
            if not waits and self._read_on is not None:
                self._read_on.set()

    @property
    def interruption(self) -> EventFd | None:
        """While a writer is interrupted, what becomes readable when a reader has read on, or left. Until `close`."""
        return self._read_on if self._interrupted else None

    def close(self) -> None:
        """Let go of the one descriptor there may be."""
        if self._read_on is not None:
            self._read_on.close()

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
                    if not self._receive(clean_end=self._reading_ended_here):
                        return False
                    if self._read_on is not None:
                        self._read_on.set()
                finally:
                    self._ciphertext.send_answers()
        return True

    def _encrypt(self, plaintext: bytes | memoryview) -> int | None:
        """Have OpenSSL take plaintext: how many bytes, None if it is interrupted."""
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
        """Take ciphertext, or the inner channel's end, which may be a clean one: False if it would block."""
        if (count := self._ciphertext.receive()) is None:
            return False
        if count == 0 and clean_end:
            self._ended = True
        elif count == 0:
            self._ciphertext.incoming.write_eof()
        return True

    def _say_close_notify(self) -> bool:
        """Whether OpenSSL has said it, as it does not in an interruption."""
        if self._encrypt(b"") is None:
            return False
        # Having said it, OpenSSL throws away what it finds while it looks for the peer's: let it find nothing.
        unread = self._ciphertext.incoming.read()
        with contextlib.suppress(ssl.SSLError):  # the peer has not said it yet
            self._ssl.unwrap()
        if unread:
            self._ciphertext.incoming.write(unread)
        return True

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Once failed, the connection stays so: OpenSSL's errors afterwards would tell nothing."""
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
