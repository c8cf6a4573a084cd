"""A channel between another one and its user that lets bytes through a few at a time, or none."""

from collections.abc import Iterable, Sequence

from prhelper.channel import Channel, Direction, OwnedFd, ReadableBuffer, WritableBuffer


class Trickle(Channel):
    """Lets through at most `most` bytes with each call, and would block every second time.

    clogged: whether it lets nothing be written at all.
    """

    def __init__(self, inner: Channel, most: int = 1) -> None:
        super().__init__()
        self.features = inner.features
        self.clogged = False
        self._inner = inner
        self._most = most
        self._turn = dict.fromkeys(Direction, False)

    def _readv(self, buffers: Sequence[WritableBuffer], fds: list[OwnedFd] | None) -> int | None:
        if self._declines(Direction.READ):
            return None
        return self._inner.readv([memoryview(buffers[0])[: self._most]], fds)

    def _writev(self, buffers: Sequence[ReadableBuffer], fds: Iterable[int]) -> int | None:
        if self.clogged or self._declines(Direction.WRITE):
            return None
        return self._inner.writev([memoryview(buffers[0])[: self._most]], fds)

    def _declines(self, direction: Direction) -> bool:
        self._turn[direction] = not self._turn[direction]
        return self._turn[direction]

    def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:
        return self._inner._wait_on(direction)

    def _shutdown(self, direction: Direction | None) -> None:
        self._inner.shutdown(direction)

    def _dispose(self) -> None:
        self._inner.close()
