"""The small archives that a kernel is started with.

`write` packs a busybox, some kernel modules in loading order, any further files and an init script. The machine under
test uses it by way of `write_boot`: its init mounts a root directory of the host's over 9p, read-only, lays a memory
file system over it, and goes on there. That is the host's own root, so that the guest has the host's Python, virtual
environment and tools at the paths they have on the host, or one that root.py made, with `guest_folders` of the host's
at the paths they have there. The guest may write wherever it likes without the host noticing.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

BOOT = """\
share="mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose"
mkdir -p /lower /memory /new
$share root /lower || exec sh
mount -t tmpfs -o mode=755 memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work root /new
if [ -n "$guest_folders" ]; then
    mkdir -p /host
    $share host /host || exec sh
    for folder in $(echo "$guest_folders" | tr : " "); do
        mkdir -p "/new$folder"
        mount -o bind "/host$folder" "/new$folder"
    done
fi
mount -t tmpfs -o mode=755 run /new/run
mkdir -p -m 1777 /new/tmp /new/var/tmp
for kind in proc sys dev; do mount --move /$kind /new/$kind; done
mkdir -p /new/dev/shm /new/dev/pts
mount -t tmpfs -o mode=1777 shm /new/dev/shm
exec switch_root /new /bin/sh "$guest_script"
"""

PREAMBLE = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*; do insmod $module || echo "$module: not loaded"; done
"""


def write_boot(target: Path, root: Path, version: str) -> None:
    """Write the archive that boots into a root directory, there to run the script named by `guest_script`.

    The kernel of that version is unpacked in `root`.
    """
    modules = ("virtio_pci", "9p", "9pnet_virtio", "overlay")
    write(target, BOOT, module_files(root, version, modules))


def write(target: Path, init: str, modules: Iterable[Path], files: Mapping[str, Path] | None = None) -> None:
    """Pack an initramfs: `init` runs once the `modules` are loaded; `files` maps paths in the guest to ours."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for folder in ("bin", "dev", "proc", "sys", "modules"):
            (root / folder).mkdir()
        for number, module in enumerate(modules):
            code = lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()
            (root / "modules" / f"{number:02}-{module.name.removesuffix('.xz')}").write_bytes(code)
        for name, source in {"/bin/busybox": Path("/bin/busybox"), **(files or {})}.items():
            copy = root / name.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        (root / "init").write_text(PREAMBLE + init)
        (root / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        with target.open("wb") as archive:
            command = ["cpio", "--quiet", "--create", "--format=newc", "--owner=+0:+0"]
            subprocess.run(command, cwd=root, input=names.encode(), stdout=archive, check=True)


def module_files(root: Path, version: str, names: Iterable[str]) -> list[Path]:
    """The files of the named modules and of all that they depend on, in the order in which to load them.

    `root` has the unpacked packages of the kernel of that version.
    """
    command = ["modprobe", "-d", str(root), "-S", version, "--show-depends", "-a", *names]
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [Path(name) for name in dict.fromkeys(re.findall(r"^insmod (\S+)", done.stdout, re.MULTILINE))]
