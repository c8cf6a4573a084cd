"""Makes a root directory of a Debian suite's packages.

The packages are unpacked, and never installed: none of their scripts runs. What those would have done, and a guest
needs, is done here. No step needs root.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .archive import Archive
from .kernel import depmod, run

PACKAGES = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "libc-bin", "mount", "util-linux"),
    *("kmod", "linux-image-amd64", "udev", "dmsetup", "kpartx", "lvm2", "multipath-tools", "sg3-utils", "python3"),
    # for guest/libvirt
    *("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "dbus", "systemd-container"),
    *("busybox-static", "cpio", "e2fsprogs", "grep"),
)
ANYIO = {"bookworm": ()}
"""Where the suite's own is too old for prhelper, that of this repository's environment is used."""

FENCE_AGENTS = ("fence-agents-mpath", "fence-agents-scsi")
ALL_FENCE_AGENTS = ("fence-agents", ("python3-pexpect", "python3-pycurl"))
"""Up to Debian 12 they are one package, which wants the tools of every cloud: what those two need of it."""

LEFT_OUT = (
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"),
    *(f"*/kernel/drivers/{name}" for name in ("gpu", "infiniband", "iio", "media", "net", "staging", "usb")),
    "*/kernel/sound",
)
"""What no guest uses, more than half of it all."""

MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into usr/."""

GROUPS = ("clock", "crypto", "input", "kvm", "render", "sgx", "tape")
"""Groups that udev's rules name, and the package's script would make."""


def recipe() -> str:
    """A number that changes with this file."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def create(suite: str, target: Path) -> None:
    """Make the root of a suite."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="new-") as scratch:
        root = Path(scratch, "root")
        packages = fetch(suite, Path(scratch, "archive"))
        for folder in MERGED:
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        for package in packages:
            unpack(package, root)
        finish(root)
        root.rename(target)


def fetch(suite: str, folder: Path) -> list[Path]:
    archive = Archive(suite, folder)
    packages = [*PACKAGES, *ANYIO.get(suite, ("python3-anyio",))]
    if archive.has(FENCE_AGENTS[0]):
        return archive.fetch([*packages, *FENCE_AGENTS])
    all_of_them, needed = ALL_FENCE_AGENTS
    return archive.fetch([*packages, *needed], alone=[all_of_them])


def unpack(package: Path, root: Path) -> None:
    excluded = [f"--exclude=./{pattern}" for pattern in LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as reading:
        command = [
            "tar",
            "-x",
            "-C",
            str(root),
            "--keep-directory-symlink",
            "--no-same-owner",
            "--wildcards",
            *excluded,
        ]
        subprocess.run(command, stdin=reading.stdout, check=True)
    if reading.returncode:
        raise subprocess.CalledProcessError(reading.returncode, reading.args)


def finish(root: Path) -> None:
    """What the packages' scripts would have done."""
    for folder in ("dev", "proc", "run", "sys", "tmp", "var/tmp", "etc/multipath"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for link, place in {root / "var/run": "/run", root / "var/lock": "/run/lock"}.items():
        if link.is_dir() and not link.is_symlink():
            link.rmdir()
            link.symlink_to(place)
    for name in ("passwd", "group"):
        shutil.copy(root / "usr/share/base-passwd" / f"{name}.master", root / "etc" / name)
    with (root / "etc/group").open("a") as groups:
        groups.writelines(f"{name}:x:{900 + number}:\n" for number, name in enumerate(GROUPS))
    run("ldconfig", "-r", str(root))
    (version,) = (root / "lib/modules").iterdir()
    depmod(root, version.name)
    libraries = [*root.glob("usr/lib/python3.*"), root / "usr/lib/python3/dist-packages", root / "usr/share/fence"]
    compile_modules(root, libraries)


def compile_modules(root: Path, places: Iterable[Path]) -> None:
    """Compile modules with the root's own Python: in the guest that takes long. What it cannot compile, it leaves."""
    loader = [str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(root / "usr/lib/x86_64-linux-gnu")]
    command = [*loader, str(root / "usr/bin/python3"), "-m", "compileall", "-qq"]
    there = [str(place) for place in places if place.exists()]
    subprocess.run([*command, *there], env={"PYTHONHOME": str(root / "usr")}, stdout=subprocess.DEVNULL, check=False)
