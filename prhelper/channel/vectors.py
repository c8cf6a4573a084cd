"""Several buffers at once: how much of them one call takes, and how to turn them into one."""

import os
from collections.abc import Sequence

from .transfer import ReadableBuffer, WritableBuffer

IOV_MAX = os.sysconf("SC_IOV_MAX")
"""The most buffers that readv(2), sendmsg(2) and the like take."""


def first_bytes(buffers: Sequence[ReadableBuffer], count: int) -> list[memoryview]:
    """The first bytes of `buffers`, `count` at most, without a copy and without empty pieces."""
    pieces = []
    for buffer in buffers:
        if piece := memoryview(buffer).cast("B")[:count]:
            pieces.append(piece)
            count -= len(piece)
        if not count:
            break
    return pieces


def gather(buffers: Sequence[ReadableBuffer], count: int) -> bytes | memoryview:
    """The first bytes of `buffers`, `count` at most, in one piece; without a copy if one buffer has them all."""
    pieces = first_bytes(buffers, count)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def scatter(data: memoryview, buffers: Sequence[WritableBuffer]) -> int:
    """Copy from `data` into `buffers`, in order, as much as fits; return the number of bytes."""
    done = 0
    for buffer in buffers:
        if done == len(data):
            break
        room = memoryview(buffer).cast("B")
        piece = data[done : done + len(room)]
        room[: len(piece)] = piece
        done += len(piece)
    return done
