"""Several buffers as one, for kinds of channel whose system calls or libraries take only one."""

from collections.abc import Sequence

from .transfer import ReadableBuffer, WritableBuffer


def gather(buffers: Sequence[ReadableBuffer], most: int) -> bytes | memoryview:
    """The first bytes of `buffers`, at most so many; without a copy where one buffer has them all."""
    pieces = []
    for buffer in buffers:
        if piece := memoryview(buffer).cast("B")[:most]:
            pieces.append(piece)
            most -= len(piece)
        if not most:
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def scatter(data: memoryview, buffers: Sequence[WritableBuffer]) -> int:
    """Copy from `data` into `buffers`, in order, until the one ends or the others are full: how many bytes."""
    done = 0
    for buffer in buffers:
        if done == len(data):
            break
        room = memoryview(buffer).cast("B")
        piece = data[done : done + len(room)]
        room[: len(piece)] = piece
        done += len(piece)
    return done
