"""A block device in memory (VIRTIO 1.1, 5.2): its configuration space, and its requests carried out."""

from . import virtio


class Disk:
    """A disk with `content`, which requests read and change."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)

    def config(self) -> bytes:
        """The configuration space: nothing but the capacity, in sectors."""
        capacity = len(self.content) // virtio.SECTOR
        return capacity.to_bytes(8, "little").ljust(virtio.BLK_CONFIG_SIZE, b"\0")

    def execute(self, readable: list[memoryview], writable: list[memoryview]) -> int:
        """Carry out one request: how many bytes were written into `writable`, the status, which is last, included."""
        request = b"".join(readable)
        kind, _, sector = virtio.BLK_REQUEST.unpack_from(request)
        begin = sector * virtio.SECTOR
        *buffers, status = writable
        status[0] = virtio.BLK_S_OK
        if kind == virtio.BLK_T_IN:
            return self._read(begin, buffers) + 1
        if kind == virtio.BLK_T_OUT:
            data = request[virtio.BLK_REQUEST.size :]
            self.content[begin : begin + len(data)] = data
        else:
            status[0] = virtio.BLK_S_UNSUPP
        return 1

    def _read(self, begin: int, buffers: list[memoryview]) -> int:
        position = begin
        for buffer in buffers:
            buffer[:] = self.content[position : position + len(buffer)]
            position += len(buffer)
        return position - begin
