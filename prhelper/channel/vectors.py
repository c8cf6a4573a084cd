"""Several buffers at once: what one call takes of them, and how they become one where a call takes only one."""

import os
from collections.abc import Sequence

from .transfer import ReadableBuffer, WritableBuffer

MOST_BUFFERS = os.sysconf("SC_IOV_MAX")
"""How many buffers readv(2), sendmsg(2) and their kin take at most."""


def first_bytes(buffers: Sequence[ReadableBuffer], most: int) -> list[memoryview]:
    """The first bytes of `buffers`, at most so many, where they are; no piece is empty."""
    pieces = []
    for buffer in buffers:
        if piece := memoryview(buffer).cast("B")[:most]:
            pieces.append(piece)
            most -= len(piece)
        if not most:
            break
    return pieces


def gather(buffers: Sequence[ReadableBuffer], most: int) -> bytes | memoryview:
    """The first bytes of `buffers`, at most so many, in one; without a copy where one buffer has them all."""
    pieces = first_bytes(buffers, most)
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
