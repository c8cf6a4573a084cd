"""The device's side of one vring (VIRTIO 1.1, 2.6): takes requests from it, gives them back, tells the driver."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prhelper.channel import Direction, OwnedFd, Waiter, current_context, run

from . import virtio
from .memory import Memory

Buffers = list[memoryview]
Execute = Callable[[Buffers, Buffers], int]
"""Carries out a request: what to read, what to write into; how many bytes it wrote."""


@dataclass
class Place:
    """Where a vring is, as the front end says before it starts it. Addresses are the front end's own."""

    num: int = 0
    descriptors: int = 0
    used: int = 0
    available: int = 0
    base: int = 0
    kick: OwnedFd | None = None
    call: OwnedFd | None = None
    enabled: bool = False


class Vring:
    """A vring that is being served, in a thread of its own, until `stop`. Borrows everything from its Place."""

    def __init__(self, place: Place, memory: Memory, execute: Execute) -> None:
        assert place.kick is not None
        self._place, self._memory, self._execute = place, memory, execute
        self._kick = place.kick.fileno()
        self._stopping = False
        self._thread = threading.Thread(target=lambda: run(self._serve()))
        self._thread.start()

    def stop(self) -> None:
        """Finish what was begun and stop; the place's base then tells where to go on."""
        self._stopping = True
        os.eventfd_write(self._kick, 1)
        self._thread.join()

    async def _serve(self) -> None:
        while not self._stopping:
            for head, readable, writable in self._requests():
                self._give_back(head, self._execute(readable, writable))
            await current_context().wait(Waiter(self._kick, Direction.READ, None))
            os.eventfd_read(self._kick)

    def _requests(self) -> Iterator[tuple[int, Buffers, Buffers]]:
        place = self._place
        ring = self._memory.at_user(place.available, virtio.available_size(place.num))
        while virtio.INDEX.unpack_from(ring, virtio.RING_INDEX_AT) != (place.base,):
            slot = place.base % place.num
            (head,) = virtio.INDEX.unpack_from(ring, virtio.RING_AT + slot * virtio.INDEX.size)
            place.base = (place.base + 1) & 0xFFFF
            yield head, *self._chain(head)

    def _chain(self, number: int) -> tuple[Buffers, Buffers]:
        table = self._memory.at_user(self._place.descriptors, virtio.descriptors_size(self._place.num))
        readable: Buffers = []
        writable: Buffers = []
        flags = virtio.DESC_F_NEXT
        while flags & virtio.DESC_F_NEXT:
            address, size, flags, following = virtio.DESCRIPTOR.unpack_from(table, number * virtio.DESCRIPTOR.size)
            kind = writable if flags & virtio.DESC_F_WRITE else readable
            kind.append(self._memory.at_guest(address, size))
            number = following
        return readable, writable

    def _give_back(self, head: int, written: int) -> None:
        place = self._place
        ring = self._memory.at_user(place.used, virtio.used_size(place.num))
        (index,) = virtio.INDEX.unpack_from(ring, virtio.RING_INDEX_AT)
        slot = virtio.RING_AT + index % place.num * virtio.USED_ELEMENT.size
        virtio.USED_ELEMENT.pack_into(ring, slot, head, written)
        virtio.INDEX.pack_into(ring, virtio.RING_INDEX_AT, (index + 1) & 0xFFFF)
        if place.call is not None:
            os.eventfd_write(place.call.fileno(), 1)
