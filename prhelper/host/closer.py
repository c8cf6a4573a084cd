"""Closes connections whose last close may block, so that no other thread blocks.

Closing a connection with unread input also closes the descriptors in that input, and the last close of an open file
description can block for as long as its sender likes: a TCP socket with SO_LINGER and unsent data, for an hour. The
kernel makes an exception for tasks that exit: they do not linger (PF_EXITING in inet_release, net/ipv4/af_inet.c).

So the closer is a thread with a descriptor table of its own (CLONE_FILES, unshare(2)). It receives connections by
SCM_RIGHTS; the sender then closes its own descriptor, which is not the last, and says so. Once the closer holds the
last descriptor of each, it starts its successor and exits, and the kernel closes what is in its table.

A successor starts in its predecessor's table, copies it and closes what it copied. The predecessor waits for that, so
none of these closes is the last one either.
"""

import _thread
import array
import os
import queue
import select
import socket
from collections.abc import Callable

from . import libc

_BATCH = 64
"""Connections that share the exit of one thread."""

_RETRY_PAUSE = 0.1
"""Seconds until the next attempt, if no successor can be started."""

_MAX_FD = 2**31 - 1
_CONNECTION, _CLOSED, _NOTHING = b"+", b"-", b"."


class Closer:
    """Closes connections for any thread. Where the sandbox forbids unshare(2), it closes none."""

    def __init__(self) -> None:
        inbox, self._outbox = socket.socketpair()
        self._inbox = inbox.detach()  # a number, which names another file in each table
        self._works = False

    def start(self) -> None:
        """Start the first thread, which inherits the caller's blocked signals. Raises RuntimeError if it cannot."""
        self._works = self._start_thread()
        os.close(self._inbox)

    def close_at_once(self, fd: int, close: Callable[[], None]) -> bool:
        """Let the thread do the last close of `fd`; call `close`, which closes it here. False: nothing was done."""
        if not self._works:
            return False
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        try:
            self._outbox.sendmsg([_CONNECTION], [rights], socket.MSG_DONTWAIT)
        except OSError:  # its queue is full, or too many descriptors are in flight
            return False
        close()
        self._outbox.send(_CLOSED)
        return True

    def stop(self) -> None:
        """Let the thread end; does not wait for it."""
        self._outbox.close()

    def _start_thread(self) -> bool:
        started: queue.SimpleQueue[bool] = queue.SimpleQueue()
        _thread.start_new_thread(self._run, (started,))
        return started.get()

    def _run(self, started: "queue.SimpleQueue[bool]") -> None:
        try:
            libc.unshare(libc.CLONE_FILES)
        except OSError:
            started.put(False)
            return
        os.closerange(0, self._inbox)
        os.closerange(self._inbox + 1, _MAX_FD)
        started.put(True)
        inbox = socket.socket(fileno=self._inbox)
        try:
            self._collect(inbox)
        finally:
            inbox.detach()  # the table closes it; anywhere else its number is another file's

    def _collect(self, inbox: socket.socket) -> None:
        """Hold connections until they have no other descriptor and a successor runs."""
        held = closed = 0
        timeout = None
        while message := _receive(inbox, timeout):
            held += message == _CONNECTION
            closed += message == _CLOSED
            timeout = None
            if message == _NOTHING or (held == closed and (held >= _BATCH or _is_empty(inbox))):
                if self._hand_over():
                    return
                timeout = _RETRY_PAUSE

    def _hand_over(self) -> bool:
        try:
            return self._start_thread()
        except RuntimeError:
            return False


def _receive(inbox: socket.socket, timeout: float | None) -> bytes:
    """The next message; its connection stays open in this thread's table. _NOTHING on timeout, b"" at the end."""
    inbox.settimeout(timeout)
    try:
        message, _, _, _ = inbox.recvmsg(1, socket.CMSG_SPACE(4))
    except TimeoutError:
        return _NOTHING
    return message


def _is_empty(inbox: socket.socket) -> bool:
    poll = select.poll()
    poll.register(inbox, select.POLLIN)
    return not poll.poll(0)
