"""Whose a registration is: by its port, by the daemon's memory, or not known."""

import stat

import pytest

from prhelper.client import SasPort
from prhelper.ctl.disks import Disk
from prhelper.ctl.owners import Owner, Registered, registered_on, who
from prhelper.device.identity import DeviceId
from prhelper.device.multipath.ports import Ports

from .daemon import registered

OURS, THEIRS = SasPort(1), SasPort(2)
DB1 = Registered("0xa1", 4711, "qemu", "db1", connected=True)


@pytest.mark.parametrize(
    ("key", "port", "ports", "known", "owner"),
    [
        (0xA1, OURS, [OURS], [DB1], Owner("ours", ['machine "db1" (pid 4711)'])),
        (0xB2, OURS, [OURS], [DB1], Owner("ours", [])),
        (0xA1, THEIRS, [OURS], [DB1], Owner("other", [])),
        (0xA1, THEIRS, [], [DB1], Owner("ours", ['machine "db1" (pid 4711)'])),
        (0xA1, None, [OURS], [DB1], Owner("ours", ['machine "db1" (pid 4711)'])),
        (0xB2, None, [], [DB1], Owner("unknown", [])),
        (0xB2, b"odd", [OURS], [], Owner("other", [])),
    ],
)
def test_owner_is_told_by_port_before_key(
    key: int, port: SasPort | bytes | None, ports: list[SasPort], known: list[Registered], owner: Owner
) -> None:
    assert who(key, port, Ports(ports), known) == owner


def test_process_without_a_machine_is_named_by_its_command_and_that_it_is_gone() -> None:
    assert str(DB1._replace(machine=None, connected=False)) == '"qemu" (pid 4711, gone)'


def test_registrations_are_those_on_the_same_number_or_the_same_unit() -> None:
    disk = Disk("/dev/sdx", DeviceId(stat.S_IFBLK, 8 << 8 | 16), None, "3600a", frozenset({"2:0:0:0"}))
    seen = [registered("8:16", "0xa1"), registered("8:32", "0xb2"), registered("253:0", "0xc3")]
    seen[2]["device"]["wwid"] = "3600a"
    assert [each.key for each in registered_on(disk, seen)] == ["0xa1", "0xc3"]
    seen[0]["device"]["wwid"] = "3600b"  # the number has another unit now
    assert [each.key for each in registered_on(disk, seen)] == ["0xc3"]


def test_registration_that_is_told_with_two_nodes_or_two_paths_of_a_unit_is_one() -> None:
    disk = Disk("/dev/sdx", DeviceId(stat.S_IFBLK, 8 << 8 | 16), None, "3600a", frozenset({"2:0:0:0"}))
    told = registered("253:0", "0xa1", addresses=["2:0:0:0"])
    generic = {"kind": "char", "number": "21:0", "name": "sg0", "wwid": "3600a", "map": None}
    seen = [told | {"nodes": [told["device"], generic]}, told | {"device": generic}]
    (one,) = registered_on(disk, seen)
    assert one.addresses == {"2:0:0:0"}
