"""Virtio: what both ends of a vring, and both ends of a block device, agree on (VIRTIO 1.1, clauses 2.6 and 5.2)."""

import struct

F_VERSION_1 = 1 << 32

DESCRIPTOR = struct.Struct("<QIHH")
"""Address, length, flags, and which descriptor is next."""
DESC_F_NEXT, DESC_F_WRITE = 1, 2

INDEX = struct.Struct("<H")
RING_INDEX_AT = 2
RING_AT = 4
USED_ELEMENT = struct.Struct("<II")

BLK_REQUEST = struct.Struct("<IIQ")
"""Type, priority, sector."""
BLK_T_IN, BLK_T_OUT, BLK_T_FLUSH, BLK_T_GET_ID = 0, 1, 4, 8
BLK_S_OK, BLK_S_UNSUPP = 0, 2

BLK_CONFIG_SIZE = 60
SECTOR = 512


def descriptors_size(num: int) -> int:
    """Bytes of the table of a vring with `num` descriptors."""
    return num * DESCRIPTOR.size


def available_size(num: int) -> int:
    """Bytes of its available ring, the driver's."""
    return RING_AT + num * INDEX.size + INDEX.size


def used_size(num: int) -> int:
    """Bytes of its used ring, the device's."""
    return RING_AT + num * USED_ELEMENT.size + INDEX.size
