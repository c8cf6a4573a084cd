"""A back end, the side of the device: the message loop that a front end talks to (QEMU: util/vhost-user-server.c).

The loop is a coroutine that can be quiesced between two messages and continued in another event loop or thread. Vrings
are served in threads of their own meanwhile; only messages that change what they stand on stop them.
"""

import functools
from typing import Self

from prhelper.channel import Channel, OwnedFd, current_context

from . import virtio
from .disk import Disk
from .memory import Memory
from .messages import (
    CONFIG,
    F_PROTOCOL_FEATURES,
    IS_REPLY,
    NEED_REPLY,
    NO_DESCRIPTOR,
    PROTOCOL_F_CONFIG,
    PROTOCOL_F_REPLY_ACK,
    U64,
    VRING_ADDRESS,
    VRING_STATE,
    Message,
    Request,
    read_message,
    write_message,
)
from .vring import Place, Vring


class BackEnd:
    """One conversation with a front end, about one disk with one vring. The channel stays the caller's.

    served: the requests so far, in order.
    """

    def __init__(self, channel: Channel, disk: Disk) -> None:
        self.channel, self.disk = channel, disk
        self.served: list[Request] = []
        self._memory = Memory([])
        self._place = Place()
        self._vring: Vring | None = None

    async def serve(self) -> bool:
        """Serve messages. True if the channel was quiesced, and is to be served on; False if the front end left."""
        while await self.channel.next_message():
            if (message := await read_message(self.channel)) is None:
                return False
            # A vring may have to come to rest first: a call that can block.
            answer = await current_context().call(message.request, functools.partial(self._obey, message))
            self.served.append(message.request)
            if answer is None and message.flags & NEED_REPLY:
                answer = U64.pack(0)
            if answer is not None:
                await write_message(self.channel, message.request, answer, flags=IS_REPLY)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._replace("kick", None)
        self._replace("call", None)
        self._memory.close()

    # The requests: what each changes, and its answer if it has one. Descriptors that none has taken are closed.

    def _obey(self, message: Message) -> bytes | None:
        try:
            answer: bytes | None = getattr(self, f"_{message.request.name.lower()}")(message.payload, message.fds)
            return answer
        finally:
            for fd in message.fds:
                fd.close()

    def _get_features(self, *_: object) -> bytes:
        return U64.pack(virtio.F_VERSION_1 | F_PROTOCOL_FEATURES)

    def _set_features(self, payload: bytes, _: list[OwnedFd]) -> None:
        if not U64.unpack(payload)[0] & F_PROTOCOL_FEATURES:
            self._place.enabled = True  # without them nobody will enable it

    def _get_protocol_features(self, *_: object) -> bytes:
        return U64.pack(PROTOCOL_F_REPLY_ACK | PROTOCOL_F_CONFIG)

    def _set_protocol_features(self, payload: bytes, _: list[OwnedFd]) -> None:
        assert U64.unpack(payload)[0] & PROTOCOL_F_CONFIG

    def _set_owner(self, *_: object) -> None:
        assert self._vring is None

    def _get_config(self, payload: bytes, _: list[OwnedFd]) -> bytes:
        offset, size, flags = CONFIG.unpack_from(payload)
        return CONFIG.pack(offset, size, flags) + self.disk.config()[offset : offset + size]

    def _set_mem_table(self, payload: bytes, fds: list[OwnedFd]) -> None:
        self._stop()
        self._memory.close()
        self._memory = Memory.from_table(payload, fds)
        self._start_if_ready()

    def _set_vring_num(self, payload: bytes, _: list[OwnedFd]) -> None:
        _index, self._place.num = VRING_STATE.unpack(payload)

    def _set_vring_addr(self, payload: bytes, _: list[OwnedFd]) -> None:
        place = self._place
        _index, _flags, place.descriptors, place.used, place.available, _log = VRING_ADDRESS.unpack(payload)

    def _set_vring_base(self, payload: bytes, _: list[OwnedFd]) -> None:
        _index, self._place.base = VRING_STATE.unpack(payload)

    def _get_vring_base(self, *_: object) -> bytes:
        self._stop()
        self._replace("kick", None)
        return VRING_STATE.pack(0, self._place.base)

    def _set_vring_kick(self, payload: bytes, fds: list[OwnedFd]) -> None:
        self._stop()
        self._replace("kick", _descriptor(payload, fds))
        self._start_if_ready()

    def _set_vring_call(self, payload: bytes, fds: list[OwnedFd]) -> None:
        self._stop()
        self._replace("call", _descriptor(payload, fds))
        self._start_if_ready()

    def _set_vring_err(self, *_: object) -> None:
        pass  # nothing goes wrong that the front end would have to hear of

    def _set_vring_enable(self, payload: bytes, _: list[OwnedFd]) -> None:
        _index, enabled = VRING_STATE.unpack(payload)
        self._stop()
        self._place.enabled = bool(enabled)
        self._start_if_ready()

    def _start_if_ready(self) -> None:
        if self._place.enabled and self._place.kick is not None:
            self._vring = Vring(self._place, self._memory, self.disk.execute)

    def _stop(self) -> None:
        if self._vring is not None:
            self._vring.stop()
            self._vring = None

    def _replace(self, name: str, fd: OwnedFd | None) -> None:
        if (old := getattr(self._place, name)) is not None:
            old.close()
        setattr(self._place, name, fd)


def _descriptor(payload: bytes, fds: list[OwnedFd]) -> OwnedFd | None:
    return None if U64.unpack(payload)[0] & NO_DESCRIPTOR else fds.pop()
