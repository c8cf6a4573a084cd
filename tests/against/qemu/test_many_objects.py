"""libvirt makes a pr-manager-helper object for each disk: a machine with hundreds starts, and so does its neighbour."""

from pathlib import Path

from ...support.helper import Helper
from .test_qemu_client import Qemu

DISKS = 512


def test_two_machines_of_512_disks_each_are_served_by_default(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper, Qemu(*[helper.socket] * DISKS) as one, Qemu(*[helper.socket] * DISKS) as other:
        for machine in (one, other):
            managers = machine.execute("query-pr-managers")
            assert [manager["connected"] for manager in managers] == [True] * DISKS
