"""Clients that come later from processes which were replaced, each with its answer: they were in a command then."""

import logging
import socket

import anyio

from ..handover import mailbox, offer
from ..handover.message import MAX_FDS
from ..serving.handing_over import take_over_some
from ..serving.server import Server, wait_for

_log = logging.getLogger(__name__)


class Latecomers:
    """Their mailboxes. Owns them, until the end of each."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._mailboxes: list[socket.socket] = []

    def expect(self, mailboxes: list[socket.socket]) -> None:
        """Take clients from these, too."""
        self._mailboxes += mailboxes

    def in_messages(self) -> list[list[int]]:
        """The descriptors, as they are passed on to the process that goes on with this."""
        fds = [each.fileno() for each in self._mailboxes]
        return [fds[begin : begin + MAX_FDS] for begin in range(0, len(fds), MAX_FDS)]

    async def serve(self) -> None:
        """Take the clients over as they come, until cancelled."""
        async with anyio.create_task_group() as readers:
            for each in list(self._mailboxes):
                readers.start_soon(self._read, each)

    def close(self, told: bytes | None = None) -> None:
        """Expect nothing more. told: what those processes are told first."""
        for each in self._mailboxes:
            if told is not None:
                _try_to_put(each, told)
            each.close()
        self._mailboxes.clear()

    async def _read(self, each: socket.socket) -> None:
        while True:
            try:
                received = mailbox.take(each)
            except BlockingIOError:
                await wait_for(each)
                continue
            except OSError as error:
                _log.error("cannot take over connections: %s", error.strerror)
                received = None
            if received is None:
                self._mailboxes.remove(each)
                each.close()
                return
            if not received.data.startswith(offer.REFUSED):  # it said so before it saw that it was too late
                await take_over_some(self._server, received)


def _try_to_put(each: socket.socket, told: bytes) -> None:
    try:
        mailbox.put(each, told, [])
    except OSError:  # it has ended
        return
