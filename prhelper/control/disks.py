"""Puts together what was seen of one disk by several of its nodes, such as /dev/sda, /dev/sg0 and a partition."""

import stat
from collections.abc import Iterable

from ..device.identity import DeviceId
from ..serving.seen import SeenDevice
from .names import DeviceNames


def by_disk(seen: Iterable[tuple[DeviceId, SeenDevice]], names: DeviceNames) -> list[tuple[list[DeviceId], SeenDevice]]:
    """Each disk with its nodes, the whole disk first; a device of which sysfs does not say it is one of its own."""
    nodes: dict[str, list[tuple[DeviceId, SeenDevice]]] = {}
    for each in seen:
        nodes.setdefault(names.of(each[0]).disk or str(each[0]), []).append(each)
    return list(map(_together, nodes.values()))


def _together(nodes: list[tuple[DeviceId, SeenDevice]]) -> tuple[list[DeviceId], SeenDevice]:
    (first, seen), *others = sorted(nodes, key=_order)
    for _, other in others:
        seen.add_node(other)
    return [first, *(device for device, _ in others)], seen


def _order(node: tuple[DeviceId, SeenDevice]) -> tuple[bool, int]:
    """Block devices before others; a disk before its partitions, which have the numbers after its own."""
    device, _ = node
    return device.file_type != stat.S_IFBLK, device.rdev
