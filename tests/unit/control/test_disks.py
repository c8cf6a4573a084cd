"""What was seen of several nodes of one disk is told of the disk."""

import os
import stat

from prhelper.control.disks import by_disk
from prhelper.control.names import Names
from prhelper.device.identity import DeviceId
from prhelper.serving.seen import SeenDevice

PARTITION = DeviceId(stat.S_IFBLK, os.makedev(8, 17))
WHOLE = DeviceId(stat.S_IFBLK, os.makedev(8, 16))
GENERIC = DeviceId(stat.S_IFCHR, os.makedev(8, 1))
UNKNOWN = DeviceId(stat.S_IFBLK, os.makedev(9, 0))
UNKNOWN_TOO = DeviceId(stat.S_IFBLK, os.makedev(9, 1))


class Sysfs:
    """Stands in for `DeviceNames`."""

    def of(self, device: DeviceId) -> Names:
        return Names(disk="2:0:0:0") if device in (PARTITION, WHOLE, GENERIC) else Names()


def seen(first_at: float) -> SeenDevice:
    one = SeenDevice(first_at)
    one.outcomes[0] = 1
    return one


def test_nodes_of_a_disk_are_one_and_the_whole_disk_comes_first() -> None:
    order = (GENERIC, PARTITION, WHOLE)
    ((nodes, what),) = by_disk([(device, seen(at)) for at, device in enumerate(order)], Sysfs())  # type: ignore[arg-type]
    assert nodes == [WHOLE, PARTITION, GENERIC]
    assert (what.first_at, what.outcomes) == (0.0, {0: 3})


def test_devices_that_sysfs_does_not_know_are_told_one_by_one() -> None:
    told = by_disk([(UNKNOWN, seen(0)), (UNKNOWN_TOO, seen(1))], Sysfs())  # type: ignore[arg-type]
    assert [nodes for nodes, _ in told] == [[UNKNOWN], [UNKNOWN_TOO]]
