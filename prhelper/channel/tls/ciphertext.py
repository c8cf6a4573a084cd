"""The ciphertext of a TLS connection, between OpenSSL's buffers in memory and the inner channel.

What OpenSSL produces has to be sent, all of it and in order, even if the inner channel has no room for it now: until
then it is *unsent*. The caller holds a lock.
"""

import ssl

from ..base import Channel
from ..errors import BrokenResourceError
from ..waiter import Direction

_MAX_RECEIVE = 65536
"""Bytes taken from the inner channel at a time."""


class Ciphertext:
    """The two buffers of a connection over `inner`, which it uses and does not own. Never waits.

    incoming, outgoing: OpenSSL's ends.
    """

    def __init__(self, inner: Channel) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self._inner = inner
        self._received = bytearray(_MAX_RECEIVE)
        self._unsent = memoryview(b"")
        self._fault: BrokenResourceError | None = None
        self._shut_down_when_sent = False

    @property
    def unsent(self) -> bool:
        """Whether ciphertext waits for room in the inner channel."""
        return bool(self._unsent)

    def receive(self) -> int | None:
        """Take what has arrived: the number of bytes, 0 at the inner channel's end, None if it would block."""
        if count := self._inner.readv([self._received]):
            self.incoming.write(memoryview(self._received)[:count])
        return count

    def send(self) -> bool:
        """Send what is unsent; return whether nothing is left of it, because it was sent or never can be.

        The latter is not an error for a reader: what the peer sent before it left may still be there.
        """
        try:
            while self._unsent or self.outgoing.pending:
                if not self._unsent:
                    self._unsent = memoryview(self.outgoing.read())
                if (count := self._inner.writev([self._unsent])) is None:
                    return False
                self._unsent = self._unsent[count:]
        except BrokenResourceError as fault:
            self._fault = fault
            self._unsent = memoryview(b"")
            self.outgoing.read()
        if self._shut_down_when_sent:
            self._shut_down_when_sent = False
            self._inner.shutdown(Direction.WRITE)
        return True

    def send_all(self) -> bool:
        """As `send`, for writers: raises BrokenResourceError if something can never be sent."""
        if self.send() and self._fault is not None:
            raise again(self._fault)
        return not self._unsent

    def send_answers(self) -> None:
        """Send what reading produced; failing is not an error for a writer whose own bytes have all been sent."""
        fault, all_sent = self._fault, not self._unsent
        self.send()
        if all_sent:
            self._fault = fault

    def shut_down_when_sent(self) -> None:
        """Shut down writing on the inner channel as soon as `send` has sent everything."""
        self._shut_down_when_sent = True


def again(fault: BrokenResourceError) -> BrokenResourceError:
    """The same fault, to be raised once more without the first traceback."""
    same = BrokenResourceError(*fault.args)
    same.__cause__ = fault.__cause__
    return same
