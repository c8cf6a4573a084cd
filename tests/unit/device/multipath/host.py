"""A machine's sysfs and /dev, made of files, for what reads them."""

import os
from pathlib import Path

import pytest

from prhelper.device.multipath import paths, ports

DISKS = {"sda": ("2:0:0:0", "8:0"), "sdb": ("3:0:0:0", "8:16"), "sdc": ("10:0:0:0", "8:32")}


class Host:
    """Three disks, which are the paths of a map, `mpatha`. Their nodes in /dev are links to /dev/null."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.dev = root / "dev"
        self.map = root / "sys/block/dm-7"
        self.dev.mkdir()
        (self.map / "slaves").mkdir(parents=True)
        (self.map / "dm").mkdir()
        self.write("sys/block/dm-7/dm/uuid", "mpath-36001405")
        self.write("sys/block/dm-7/dm/name", "mpatha")
        for name in DISKS:
            self.add(name)
        monkeypatch.setattr(paths, "_DEV", self.dev)
        monkeypatch.setattr(ports, "_CLASS", root / "sys/class")

    def add(self, name: str, sequence: int = 1) -> None:
        """A disk that works."""
        address, _ = DISKS[name]
        host = address.split(":")[0]
        device = self.root / f"sys/devices/pci/host{host}/target{address[:-2]}/{address}"
        disk = device / "block" / name
        disk.mkdir(parents=True)
        (disk / "device").symlink_to(device)
        (self.map / "slaves" / name).symlink_to(disk)
        null = Path("/dev/null").stat().st_rdev
        self.write_to(disk / "dev", f"{os.major(null)}:{os.minor(null)}")
        self.write_to(disk / "diskseq", str(sequence))
        self.write_to(device / "state", "running")
        (self.dev / name).symlink_to("/dev/null")

    def fail(self, name: str) -> None:
        """The kernel sends it no commands any more."""
        self.write_to(self.map / "slaves" / name / "device/state", "offline")

    def write(self, name: str, text: str) -> None:
        """An attribute, with its newline."""
        self.write_to(self.root / name, text)

    def write_to(self, file: Path, text: str) -> None:
        """The same."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
