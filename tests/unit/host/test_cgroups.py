"""Which part of a cgroup path limits are counted by."""

import os

import pytest

from prhelper.host.cgroups import unit_of_path, unit_of_process

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


def test_a_process_that_is_gone_has_no_unit() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert unit_of_process(pid) is None
