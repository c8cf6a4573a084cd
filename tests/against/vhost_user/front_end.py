"""A front end, the side of the virtual machine: shakes hands with a back end and reads its disk through a vring.

Every method is a coroutine of channel waits, so that each can run in another loop or thread than the one before. The
guest's memory is one memfd. Its layout: the three parts of the vring, then the request, the data and the status.
"""

import mmap
import os
from typing import Self

from prhelper.channel import Channel, Direction, EventFd, Waiter, current_context

from . import virtio
from .memory import Memory, Region
from .messages import (
    CONFIG,
    F_PROTOCOL_FEATURES,
    NEED_REPLY,
    PROTOCOL_F_CONFIG,
    PROTOCOL_F_REPLY_ACK,
    U64,
    VRING_ADDRESS,
    VRING_STATE,
    Request,
    read_message,
    write_message,
)

GUEST, USER = 0x10_0000, 0x5555_0000_0000
"""Where the guest, and where the front end, would see the memory: only names for the back end to use."""
MEMORY_SIZE = 1 << 20
RING_LENGTH = 4
DESCRIPTORS, AVAILABLE, USED, REQUEST, STATUS, DATA = 0x0, 0x1000, 0x2000, 0x3000, 0x3800, 0x4000


class FrontEnd:
    """One conversation with a back end for a block device. Owns the memory; the channel stays the caller's."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._memfd = os.memfd_create("guest")
        os.ftruncate(self._memfd, MEMORY_SIZE)
        self.memory = Memory([Region(GUEST, USER, MEMORY_SIZE, 0, mmap.mmap(self._memfd, MEMORY_SIZE))])
        self._kick, self._call = EventFd(), EventFd()
        self._submitted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.memory.close()
        os.close(self._memfd)
        self._kick.close()
        self._call.close()

    # The handshake, in the order in which it is done.

    async def agree_on_features(self) -> int:
        """What the back end offers, once both are bound to what is used here of it."""
        offered = await self._get(Request.GET_FEATURES)
        assert offered & F_PROTOCOL_FEATURES
        assert offered & virtio.F_VERSION_1
        await write_message(self.channel, Request.SET_OWNER)
        await self._set(Request.SET_FEATURES, U64.pack(virtio.F_VERSION_1 | F_PROTOCOL_FEATURES))
        return offered

    async def agree_on_protocol_features(self) -> int:
        """The same for the protocol itself. From then on the back end acknowledges what it is told."""
        offered = await self._get(Request.GET_PROTOCOL_FEATURES)
        wanted = PROTOCOL_F_REPLY_ACK | PROTOCOL_F_CONFIG
        assert offered & wanted == wanted
        await self._set(Request.SET_PROTOCOL_FEATURES, U64.pack(wanted))
        return offered

    async def share_memory(self) -> None:
        """Pass the memory's descriptor."""
        await self._set_acknowledged(Request.SET_MEM_TABLE, self.memory.table(), self._memfd)

    async def read_config(self) -> bytes:
        """The device's configuration space (VIRTIO 1.1, 5.2.4)."""
        size = virtio.BLK_CONFIG_SIZE
        await write_message(self.channel, Request.GET_CONFIG, CONFIG.pack(0, size, 0) + bytes(size))
        return (await self._reply(Request.GET_CONFIG))[CONFIG.size :]

    async def start_vring(self) -> None:
        """Tell where the one vring is and how it is kicked, and enable it."""
        where = VRING_ADDRESS.pack(0, 0, USER + DESCRIPTORS, USER + USED, USER + AVAILABLE, 0)
        await self._set_acknowledged(Request.SET_VRING_NUM, VRING_STATE.pack(0, RING_LENGTH))
        await self._set_acknowledged(Request.SET_VRING_BASE, VRING_STATE.pack(0, 0))
        await self._set_acknowledged(Request.SET_VRING_ADDR, where)
        await self._set_acknowledged(Request.SET_VRING_CALL, U64.pack(0), self._call.fileno())
        await self._set_acknowledged(Request.SET_VRING_KICK, U64.pack(0), self._kick.fileno())
        await self._set_acknowledged(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1))

    # The device, in use.

    async def read_sectors(self, sector: int, count: int) -> bytes:
        """Read from the disk: one request through the vring, answered by the back end's call."""
        size = count * virtio.SECTOR
        self._put(REQUEST, virtio.BLK_REQUEST.pack(virtio.BLK_T_IN, 0, sector))
        self._put(STATUS, b"\xff")
        self._describe(0, REQUEST, virtio.BLK_REQUEST.size, virtio.DESC_F_NEXT)
        self._describe(1, DATA, size, virtio.DESC_F_WRITE | virtio.DESC_F_NEXT)
        self._describe(2, STATUS, 1, virtio.DESC_F_WRITE)
        slot = self._submitted % RING_LENGTH
        self._put(AVAILABLE + virtio.RING_AT + slot * virtio.INDEX.size, virtio.INDEX.pack(0))
        self._submitted += 1
        self._put(AVAILABLE + virtio.RING_INDEX_AT, virtio.INDEX.pack(self._submitted))
        self._kick.set()
        while self._used() != self._submitted:
            await current_context().wait(Waiter(self._call.fileno(), Direction.READ, None))
            self._call.clear()
        written = virtio.USED_ELEMENT.unpack(self._get_bytes(USED + virtio.RING_AT + slot * 8, 8))
        assert written == (0, size + 1)
        assert self._get_bytes(STATUS, 1)[0] == virtio.BLK_S_OK
        return self._get_bytes(DATA, size)

    async def stop_vring(self) -> int:
        """Stop the vring: how many requests the back end has taken from it."""
        await write_message(self.channel, Request.GET_VRING_BASE, VRING_STATE.pack(0, 0))
        _, base = VRING_STATE.unpack(await self._reply(Request.GET_VRING_BASE))
        return int(base)

    def _used(self) -> int:
        return int(virtio.INDEX.unpack(self._get_bytes(USED + virtio.RING_INDEX_AT, virtio.INDEX.size))[0])

    def _describe(self, number: int, offset: int, size: int, flags: int) -> None:
        entry = virtio.DESCRIPTOR.pack(GUEST + offset, size, flags, number + 1)
        self._put(DESCRIPTORS + number * virtio.DESCRIPTOR.size, entry)

    def _put(self, offset: int, data: bytes) -> None:
        self.memory.at_guest(GUEST + offset, len(data))[:] = data

    def _get_bytes(self, offset: int, size: int) -> bytes:
        return bytes(self.memory.at_guest(GUEST + offset, size))

    # Messages.

    async def _get(self, request: Request) -> int:
        await write_message(self.channel, request)
        return int(U64.unpack(await self._reply(request))[0])

    async def _set(self, request: Request, payload: bytes) -> None:
        await write_message(self.channel, request, payload)

    async def _set_acknowledged(self, request: Request, payload: bytes, *fds: int) -> None:
        await write_message(self.channel, request, payload, fds, NEED_REPLY)
        assert U64.unpack(await self._reply(request)) == (0,), f"{request.name} failed"

    async def _reply(self, request: Request) -> bytes:
        reply = await read_message(self.channel)
        assert reply is not None, f"the back end hung up on {request.name}"
        assert (reply.request, reply.fds) == (request, [])
        return reply.payload
