"""Debian's own kernel, downloaded and unpacked, but never installed.

The machines that develop and test this project have no SCSI subsystem, so an emulator boots the kernel that Debian
ships: with LIO, scsi_debug and everything else as modules. One folder a kernel version is kept in a cache:

    .cache/kernel/6.1.0-NN-amd64/
        boot/vmlinuz-*  lib/modules/*    what the package holds, plus depmod's index: `modprobe -d` finds it
        initramfs                        boots into the host's own root directory, made anew for each run
    .cache/kernel/runs/PID/              the scripts and consoles of the machines of one test run

A kernel's folder appears under its name only when it is complete, and any complete one will do: the network is used
once. No step needs root.
"""

from __future__ import annotations

import compileall
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import initramfs

REPOSITORY = Path(__file__).resolve().parents[2]
METAPACKAGE = "linux-image-amd64"
PARTS = r"Depends: (linux-(?:base|binary|modules)-[0-9]\S+)"

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
    "setpriv": "util-linux",
    "sg_persist": "sg3-utils",
    "systemctl": "systemd",
}


class MissingError(Exception):
    """Something that the emulated machines need is not there; the text says what, and which command would help."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package, to boot into the host's own root directory. `root` is what `modprobe -d` wants."""

    root: Path

    @property
    def version(self) -> str:
        (modules,) = (self.root / "lib/modules").iterdir()
        return modules.name

    @property
    def image(self) -> Path:
        """Where the package has it: in boot/, or since Linux 7 as packaged by Debian beside the modules."""
        in_boot = self.root / "boot" / f"vmlinuz-{self.version}"
        return in_boot if in_boot.exists() else self.root / "lib/modules" / self.version / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.root / "initramfs"

    @property
    def shares(self) -> dict[str, Path]:
        """What the emulator gives to the guest's kernel, by the name under which to mount it."""
        return {"root": Path("/")}

    @property
    def folders(self) -> list[Path]:
        """Folders of the host that the guest has at the same places, where its root directory is not the host's."""
        return []

    @property
    def python(self) -> str:
        """The guest's interpreter."""
        return sys.executable

    @property
    def seen_by_guest(self) -> Path:
        """`root`, as the guest finds it."""
        return self.root

    def preparation(self) -> list[str]:
        """Lines of shell to run in the guest before anything else."""
        # What a prhelper of the host keeps there is none of the guest's business.
        return ["rm -rf /var/lib/prhelper /var/lib/prhelper-multipath"]

    def compile(self) -> None:
        """Compile for the guest's interpreter: in the guest that takes long."""
        compileall.compile_dir(REPOSITORY / "prhelper", quiet=2)


def obtain() -> Kernel:
    """Find the newest kernel in the cache, or put one there. Raises MissingError if that cannot be done."""
    require_tools()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        cached = sorted(cache.glob("[0-9]*-amd64"))
        found = Kernel(cached[-1] if cached else create(cache))
        fresh = found.initramfs.with_suffix(".new")
        initramfs.write_boot(fresh, found.root, found.version)
        fresh.rename(found.initramfs)
    return found


def cache_folder() -> Path:
    return Path(os.environ.get("PRHELPER_KERNEL_CACHE", REPOSITORY / ".cache" / "kernel"))


def require_tools() -> None:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)]
    if missing:
        raise MissingError(f"needed to boot a kernel: apt-get install --no-install-recommends {' '.join(missing)}")


def create(cache: Path) -> Path:
    """Download and unpack the kernel that `linux-image-amd64` depends on now."""
    if not shutil.which("apt-get"):
        raise MissingError("a kernel to boot comes from Debian's archive, and there is no apt-get here")
    with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as scratch:
        version, packages = download(Path(scratch))
        unpacked = Path(scratch, "unpacked")
        for package in packages:
            run("dpkg", "-x", str(package), str(unpacked))
        if not (unpacked / "lib").exists():  # since Debian 13 the packages have usr/lib, and modprobe wants lib
            (unpacked / "lib").symlink_to("usr/lib")
        depmod(unpacked, version)
        return unpacked.rename(cache / version)


def download(folder: Path) -> tuple[str, list[Path]]:
    """Fetch the kernel's packages into `folder`, with package lists of our own should the system have none.

    Its version, and the packages: one, or where that is empty those that it depends on as well.
    """
    own_lists = ["-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache"]
    for options in ([], own_lists):
        try:
            if options:
                for needed in ("state/lists/partial", "cache/archives/partial"):
                    (folder / needed).mkdir(parents=True)
                run("apt-get", *options, "update")
            depends = run("apt-cache", *options, "depends", METAPACKAGE)
            (name,) = set(re.findall(r"Depends: (linux-image-[0-9]\S+)", depends))
            parts = re.findall(PARTS, run("apt-cache", *options, "depends", name))
            run("apt-get", *options, "-o", "APT::Sandbox::User=root", "download", name, *sorted(set(parts)), cwd=folder)
            return name.removeprefix("linux-image-"), sorted(folder.glob("linux-*.deb"))
        except (subprocess.CalledProcessError, ValueError) as error:
            reason = error
    detail = getattr(reason, "stderr", None) or str(reason)
    raise MissingError(
        f"the kernel could not be fetched; `apt-get update && apt-get download {METAPACKAGE}` should work:\n{detail}"
    )


def depmod(root: Path, version: str) -> None:
    """Write the index that modprobe needs."""
    run("depmod", "-b", str(root), version)


def run(*command: str, cwd: Path | None = None) -> str:
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep out other test runs that would fill the same cache."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
