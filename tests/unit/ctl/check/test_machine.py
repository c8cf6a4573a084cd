"""What in a machine's command line keeps reservations from the disk."""

import pytest

from prhelper.ctl.check.machine import look
from prhelper.ctl.hosts_machines import Machine
from prhelper.ctl.qemu import parse

OBJECT = ("-object", "pr-manager-helper,id=pr0,path=/run/pr.sock")


def disk(
    number: int = 0, device: str = "scsi-block", manager: str = ",file.pr-manager=pr0", more: str = ""
) -> list[str]:
    drive = f"file=/dev/sd{number},if=none,id=hd{number},format=raw{manager}"
    return ["-drive", drive, "-device", f"{device},drive=hd{number}{more}"]


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ([*OBJECT, *disk()], []),
        ([*OBJECT, *disk(more=",rerror=report,werror=report")], []),
        ([*OBJECT, *disk(device="scsi-generic")], []),
        ([*OBJECT, *disk(device="scsi-hd")], ["wrong-guest-device"]),
        ([*OBJECT, *disk(device="virtio-blk-pci")], ["wrong-guest-device"]),
        ([*OBJECT, *disk(manager="")], ["no-pr-manager"]),
        (disk(), ["no-such-pr-manager"]),
        ([*OBJECT, *disk(more=",rerror=stop")], ["stops-on-error"]),
        ([*OBJECT, *disk(more=",werror=stop")], ["stops-on-error"]),
        ([*OBJECT, *disk(0), *disk(1)], ["shared-pr-manager"]),
        ([*OBJECT, *disk(0, manager="", more=",werror=stop")], ["no-pr-manager", "stops-on-error"]),
    ],
)
def test_what_is_wrong_is_found_and_no_more(arguments: list[str], codes: list[str]) -> None:
    machine = Machine(1, 0, "db1", parse(["qemu-system-x86_64", *arguments]))
    found = list(look(machine, list(machine.command_line.disks)))
    assert [each.cause.code for each in found] == codes
    assert all('machine "db1" (pid 1)' in each.about for each in found)
