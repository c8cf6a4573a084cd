"""Which part of a cgroup path limits count by."""

import os

import pytest

from prhelper.host.cgroups import unit_in, unit_of_path, unit_of_process

MACHINE = "machine.slice/machine-qemu\\x2d1\\x2dvm.scope"
PODS = "kubepods.slice/kubepods-burstable.slice"
POD = "kubepods-burstable-pod0a1b2c3d_4e5f_6789_abcd_ef0123456789.slice"
POD_OF_CGROUPFS = "pod0a1b2c3d-4e5f-6789-abcd-ef0123456789"

PATHS = [
    ("/", None),
    ("/../..", None),
    ("/docker/0123abcd", None),
    (f"/{MACHINE}", MACHINE),
    (f"/{MACHINE}/libvirt/emulator", MACHINE),
    ("/qemu.slice/100.scope", "qemu.slice/100.scope"),
    ("/system.slice/a.service/sub.scope/deeper", "system.slice/a.service"),
    ("/user.slice/user-1000.slice/session-3.scope", "user.slice/user-1000.slice"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/b.scope", "user.slice/user-1000.slice"),
    (f"/{PODS}/{POD}/cri-containerd-ab.scope", f"{PODS}/{POD}"),
    (f"/../../{POD}/cri-containerd-ab.scope", POD),
    (f"/kubepods/burstable/{POD_OF_CGROUPFS}/abcd", f"kubepods/burstable/{POD_OF_CGROUPFS}"),
]


@pytest.mark.parametrize(("path", "unit"), PATHS)
def test_the_outermost_unit_of_a_path_counts_and_what_lies_below_is_ignored(path: str, unit: str | None) -> None:
    assert unit_of_path(path) == unit


FORGED = "machine.slice/machine-qemu-9-victim.scope"
LOGIN = "user.slice/user-1000.slice"

LINES = [
    (f"0::/{MACHINE}\n", MACHINE),
    (f"5:devices:/\n1:name=systemd:/{MACHINE}/libvirt\n", MACHINE),
    (f"5:devices:/\n1:name=systemd:/{MACHINE}\n0::/\n", MACHINE),
    ("5:devices:/a.service\n", None),
    (f"5:devices:/{LOGIN}/0::/{FORGED}\n0::/{LOGIN}/b\n", LOGIN),
    (f"1:name=systemd:/{LOGIN}/0::/{FORGED}\n", LOGIN),
    (f"5:devices:/{LOGIN}/name=systemd:/{FORGED}\n1:name=systemd:/{LOGIN}\n", LOGIN),
    *((f"0::/{LOGIN}/a{end}0::/{FORGED}\n", LOGIN) for end in "\v\f\x1c\x85\u2028\r"),
    (f"5:devices:/{LOGIN}/a\v0::/{FORGED}\n0::/{LOGIN}/a\n", LOGIN),
]


@pytest.mark.parametrize(("text", "unit"), LINES)
def test_a_unit_cannot_be_forged_by_the_name_of_a_cgroup(text: str, unit: str | None) -> None:
    assert unit_in(text.encode()) == unit


def test_a_process_that_is_gone_has_no_unit() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert unit_of_process(pid) is None
