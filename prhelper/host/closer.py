"""Closes connections whose last close may block, so that no other thread blocks.

Closing a connection with unread input also closes the descriptors in that input, and the last close of an open file
description can block for as long as its sender likes: a TCP socket with SO_LINGER and unsent data, for an hour. The
kernel makes an exception for tasks that exit: they do not linger (PF_EXITING in inet_release, net/ipv4/af_inet.c).

So the closer is a thread with a descriptor table of its own (CLONE_FILES, unshare(2)). It receives connections by
SCM_RIGHTS, and the sender then closes its own descriptor, which is not the last. A lock tells when that is done. Then
the closer holds the last descriptor of each: it starts its successor and exits, and the kernel closes what is in its
table.

A successor starts in its predecessor's table, copies it and closes what it copied. The predecessor waits for that, so
none of these closes is the last one either.

Some exits do block: the last close of a file on a FUSE file system with a write-back cache writes it back, and waits
for that file system's server. So only a few threads may be exiting at a time; what is left waits.
"""

import _thread
import array
import os
import queue
import resource
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import libc

_BATCH = 64
"""Connections that share the exit of one thread."""

MAX_EXITING = 32
"""Threads that may be exiting at the same time, and block."""

_RETRY_PAUSE = 0.1
"""Seconds until the next attempt, if no successor can be started or too many threads are exiting."""


class Closer:
    """Closes connections for any thread. Where the sandbox lets no thread have its own table, it closes none."""

    def __init__(self) -> None:
        inbox, self._outbox = socket.socketpair()
        self._inbox = inbox.detach()  # a number, which names another file in each table
        self._sending = threading.Lock()
        self._exiting: list[int] = []  # thread ids; only the one thread that collects uses it
        self.works = False

    def start(self) -> None:
        """Start the first thread, which inherits the caller's blocked signals. Raises RuntimeError if it cannot.

        `works` is then whether this system lets it close anything.
        """
        self.works = self._start_thread()
        os.close(self._inbox)

    def close_at_once(self, fd: int, close: Callable[[], None]) -> bool:
        """Let the thread do the last close of `fd`; call `close`, which closes it here. False: nothing was done.

        It is worth another try if `works`: the thread may be behind (EAGAIN), or the user have too many descriptors in
        flight (ETOOMANYREFS).
        """
        if not self.works:
            return False
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        with self._sending:
            try:
                self._outbox.sendmsg([b"\0"], [rights], socket.MSG_DONTWAIT)
            except OSError:
                return False
            close()
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
            self._leave_table()
        except OSError:
            started.put(False)
            return
        started.put(True)
        inbox = socket.socket(fileno=self._inbox)
        try:
            self._collect(inbox)
        finally:
            inbox.detach()  # the table closes it; anywhere else its number is another file's

    def _leave_table(self) -> None:
        """Have a table with nothing in it but the inbox."""
        try:
            libc.unshare(libc.CLONE_FILES)
        except OSError:  # containers forbid unshare(2) whatever its flags are
            libc.close_range(self._inbox + 1, 2**31 - 1, libc.CLOSE_RANGE_UNSHARE)
        os.closerange(0, self._inbox)
        # Not beyond the limit of open files: without close_range(2) each number takes a system call.
        os.closerange(self._inbox + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def _collect(self, inbox: socket.socket) -> None:
        """Hold connections until they have no other descriptor and a successor runs."""
        held = 0
        while held < _BATCH and not (held and _is_empty(inbox)):
            try:
                message, _, _, _ = inbox.recvmsg(1, socket.CMSG_SPACE(4))
            except OSError:  # no memory
                time.sleep(_RETRY_PAUSE)
                continue
            if not message:
                return
            held += 1
        with self._sending:  # so the senders have closed theirs
            pass
        while self._count_exiting() >= MAX_EXITING or not self._hand_over():
            time.sleep(_RETRY_PAUSE)

    def _hand_over(self) -> bool:
        self._exiting.append(threading.get_native_id())
        try:
            started = self._start_thread()
        except RuntimeError:
            started = False
        if not started:
            self._exiting.pop()
        return started

    def _count_exiting(self) -> int:
        self._exiting = [thread for thread in self._exiting if Path(f"/proc/self/task/{thread}").exists()]
        return len(self._exiting)


def _is_empty(inbox: socket.socket) -> bool:
    poll = select.poll()
    poll.register(inbox, select.POLLIN)
    return not poll.poll(0)
