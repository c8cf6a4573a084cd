"""Sessions for the tests of the scheduler."""

import queue
import socket
import time
from collections.abc import Callable

from prhelper.channel import SocketChannel, current_context
from prhelper.scheduler.iothread import IOThreads


class Echo:
    """A session that answers each byte after a call made with it, and its client's end."""

    def __init__(self, threads: IOThreads, call: Callable[[int], object], key: object = None) -> None:
        self.client, ours = socket.socketpair()
        self.client.settimeout(20)
        self.channel = SocketChannel(ours)
        self.ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._call = call
        self._key = key
        threads.spawn(self._serve(), self._done)

    async def _serve(self) -> None:
        while await self.channel.next_message():
            if not (data := await self.channel.read(1, deadline=time.monotonic() + 20)):
                return
            await current_context().call(self._key, lambda: self._call(data[0]))
            await self.channel.write_all([data])

    def _done(self, error: BaseException | None) -> None:
        self.channel.close()
        self.ended.put(error)

    def ask(self, byte: int) -> int:
        self.client.sendall(bytes([byte]))
        return self.client.recv(1)[0]

    def end(self) -> BaseException | None:
        self.client.close()
        return self.ended.get(timeout=10)


def nothing(_: int) -> None:
    pass
