"""Memory that both ends share: mapped from the descriptors of SET_MEM_TABLE, found by the front end's addresses.

A region has two addresses. The guest's occur in the descriptors of a vring; the front end's own (user addresses) tell
where the vrings are.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass

from prhelper.channel import OwnedFd

from .messages import MEMORY_REGION, MEMORY_TABLE


@dataclass(frozen=True)
class Region:
    """A piece of memory, mapped here."""

    guest: int
    user: int
    size: int
    offset: int
    mapped: mmap.mmap

    def entry(self) -> bytes:
        """This region as it stands in the table."""
        return MEMORY_REGION.pack(self.guest, self.size, self.user, self.offset)


class Memory:
    """All regions. `close` unmaps them, once no view of them is left."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = tuple(regions)

    @classmethod
    def from_table(cls, payload: bytes, fds: Sequence[OwnedFd]) -> "Memory":
        """Map what SET_MEM_TABLE brought; the descriptors stay the caller's."""
        count, _ = MEMORY_TABLE.unpack_from(payload)
        entries = [
            MEMORY_REGION.unpack_from(payload, MEMORY_TABLE.size + number * MEMORY_REGION.size)
            for number in range(count)
        ]
        assert len(fds) == count, "one descriptor for each region"
        return cls(
            [
                Region(guest, user, size, offset, mmap.mmap(fd.fileno(), offset + size))
                for (guest, size, user, offset), fd in zip(entries, fds, strict=True)
            ]
        )

    def table(self) -> bytes:
        """The payload of SET_MEM_TABLE."""
        return MEMORY_TABLE.pack(len(self.regions), 0) + b"".join(region.entry() for region in self.regions)

    def at_guest(self, address: int, size: int) -> memoryview:
        """`size` bytes at an address of the guest."""
        return self._view([region.guest for region in self.regions], address, size)

    def at_user(self, address: int, size: int) -> memoryview:
        """`size` bytes at an address of the front end."""
        return self._view([region.user for region in self.regions], address, size)

    def close(self) -> None:
        """Unmap everything."""
        for region in self.regions:
            region.mapped.close()

    def _view(self, starts: Sequence[int], address: int, size: int) -> memoryview:
        for start, region in zip(starts, self.regions, strict=True):
            begin = address - start
            if 0 <= begin <= region.size - size:
                return memoryview(region.mapped)[region.offset + begin :][:size]
        raise LookupError(f"no region has {size} bytes at {address:#x}")
