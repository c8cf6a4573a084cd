"""check: nodes of disks that cannot be opened, or that lead nowhere; in a mount namespace of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.check import access, users

from ...support.programs import require_mount_namespace

CHECK = f"{sys.executable} -m prhelper.ctl check --json"


def found(tmp_path: Path, prepare: str, disk: str, *options: str) -> dict[str, dict[str, Any]]:
    """What is found of a disk, by code, once a shell script has mounted things."""
    command = f"{CHECK} -k {tmp_path}/none {' '.join(options)} {disk}"
    script = [require_mount_namespace(), "--mount", "sh", "-ec", f"{prepare}\n{command} || test $? = 2"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    findings = json.loads(done.stdout)["findings"]
    return {each["code"]: each for each in findings if each["code"] != "helper-missing"}


@pytest.mark.parametrize("options", [(), ("--as", "nobody")])
def test_file_system_that_is_mounted_nodev_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    prepare = "mount -t tmpfs -o nodev,mode=755 none /mnt; mknod -m 666 /mnt/disk c 1 3"
    finding = found(tmp_path, prepare, "/mnt/disk", *options)["disk-closed-to-user"]
    assert "mounted nodev" in finding["seen"]
    assert "without nodev" in finding["remedy"]


def test_node_whose_number_no_device_has_is_no_disk(tmp_path: Path) -> None:
    prepare = "mount -t tmpfs none /mnt; mknod /mnt/disk b 8 65535"
    findings = found(tmp_path, prepare, "/mnt/disk")
    assert list(findings) == ["disk-missing"]
    assert "a node of 8:65535, and the kernel has no such device" in findings["disk-missing"]["seen"]


def test_without_sysfs_a_disk_is_not_said_to_be_none(tmp_path: Path) -> None:
    assert list(found(tmp_path, "mount -t tmpfs none /sys", "/dev/null")) == ["sysfs-hidden"]


def test_what_modes_allow_and_something_else_forbids_is_not_blamed_on_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.write_text("")
    monkeypatch.setattr(access, "may", lambda _user, path, _mode: path != disk)
    (finding,) = access.to_disk(users.ourselves(), disk, "disk")
    assert "DeviceAllow=" in finding.remedy


def test_file_that_opens_is_let_alone(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_text("")
    assert list(access.to_disk(users.ourselves(), disk, "disk")) == []


def test_opening_that_a_list_of_devices_forbids_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer kernels let access(2) pass, and refuse open(2)."""
    disk = tmp_path / "disk"
    disk.write_text("")

    def refuse(*_: object) -> int:
        raise PermissionError(1, os.strerror(1))

    monkeypatch.setattr("os.open", refuse)
    (finding,) = access.to_disk(users.ourselves(), disk, "disk")
    assert finding.cause.code == "disk-closed-to-user"
    assert "Operation not permitted" in finding.seen
    assert "DeviceAllow=" in finding.remedy
