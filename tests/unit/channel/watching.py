"""Seeing from outside what the channels do: which waits begin, what the kernel has registered and open."""

import os
import queue
import select
import socket
from collections.abc import Callable
from pathlib import Path

from prhelper.channel import Channel, Direction, SocketChannel, Waiter

from .contexts import PATIENCE

IN, OUT = select.EPOLLIN, select.EPOLLOUT


class Waits:
    """Every wait in every context, as it begins: an event to wait for instead of sleeping.

    `Waiter.arm` is what each context calls last before it waits: from then on a wake reaches the wait.
    """

    def __init__(self) -> None:
        self._begun: queue.Queue[Waiter] = queue.Queue()

    def install(self, patch: Callable[[type, str, object], None]) -> None:
        """Begin to see waits; `patch` is pytest's `monkeypatch.setattr`."""
        arm = Waiter.arm

        def seen(waiter: Waiter, waker: Callable[[], object]) -> None:
            arm(waiter, waker)
            self._begun.put(waiter)

        patch(Waiter, "arm", seen)

    def next(self, direction: Direction = Direction.READ) -> Waiter:
        """The next wait in `direction`, as soon as it begins."""
        while (waiter := self._begun.get(timeout=PATIENCE)).direction is not direction:
            pass
        return waiter

    def none(self) -> bool:
        """Whether no wait has begun that was not asked for."""
        return self._begun.empty()


def registered(fd: int) -> int:
    """Which of IN and OUT any epoll set of this process watches for on descriptor number `fd`."""
    events = 0
    for info in Path("/proc/self/fdinfo").iterdir():
        try:
            lines = info.read_text().splitlines()
        except FileNotFoundError:
            continue  # the listing's own, closed since
        for line in lines:
            words = line.split()
            if words[0] == "tfd:" and int(words[1]) == fd:
                events |= int(words[3], 16)
    return events & (IN | OUT)


def number_of(channel: Channel) -> int:
    """The number of the descriptor that `channel` waits on to read."""
    awaited = channel._wait_on(Direction.READ)
    assert awaited is not None
    return awaited[0]


def is_open(fd: int) -> bool:
    """Whether descriptor number `fd` is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_count() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


class WatchedChannel(SocketChannel):
    """A socket channel that notes, each time that it closes its descriptor, what was still registered then."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.fd = sock.fileno()
        self.registered_at_close: list[int] = []

    def _dispose(self) -> None:
        self.registered_at_close.append(registered(self.fd))
        super()._dispose()
