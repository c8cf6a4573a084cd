"""A Debian suite as it is installed, made by debootstrap: its own tools build and check packages there.

Kept in the cache of the kernels, and made anew by another recipe:

    .cache/kernel/installed/trixie-build/    and what builds a package of ours, and runs it
    .cache/kernel/installed/bookworm-base/   what our package depends on, and no more: the image is made of it
    .cache/kernel/installed/forky-whole/     what the whole suite of tests needs (tools/platforms.py)

tests/kernel/root.py makes roots that were unpacked only, without root; here every package is configured.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.kernel.archive import mirror
from tests.kernel.kernel import REPOSITORY, MissingError, cache_folder, locked, run

BASE = ("python3", "python3-anyio")
WANTED = (REPOSITORY / "tools/system-packages.sh").read_text().split('wanted="')[1].split('"')[0].split()
KINDS = {
    "base": (*BASE, "systemd-standalone-sysusers"),
    "build": (
        *BASE,
        *("build-essential", "debhelper", "dh-python", "dpkg-dev", "lintian", "python3-hatchling"),
        *("kmod", "qemu-system-common", "systemd"),
    ),
    "whole": ("ca-certificates", "git", "make", "python3-venv", *WANTED),
}
NO_DOCUMENTATION = "path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/man/*\n"
QUIETLY = ("-qq", "--yes", "--no-install-recommends", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0")


def obtain(suite: str, kind: str) -> Path:
    """Find this root in the cache, or make it. Raises MissingError."""
    if os.geteuid() != 0:
        raise MissingError(f"packages of {suite} are built in a root directory of its own, which takes root")
    if not shutil.which("debootstrap"):
        raise MissingError("needs debootstrap: apt-get install --no-install-recommends debootstrap")
    folder = cache_folder() / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve() / f"{suite}-{kind}"
    with locked(folder / f"{root.name}.lock"):
        recipe = root / "recipe"
        if not recipe.exists() or recipe.read_text() != " ".join(KINDS[kind]):
            create(suite, KINDS[kind], root)
    return root


def create(suite: str, packages: Iterable[str], root: Path) -> None:
    """Make a root with these packages in place of an older one."""
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="new-") as scratch:
        fresh = Path(scratch, "root")
        # All suites have the script of the first one; the machine's debootstrap need not know them all by name.
        script = "/usr/share/debootstrap/scripts/sid"
        succeed("debootstrap", "--variant=minbase", suite, str(fresh), mirror(), script)
        (fresh / "etc/apt/apt.conf.d/99host").write_text(way_to_the_archive())
        (fresh / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (fresh / "usr/sbin/policy-rc.d").chmod(0o755)
        unwanted = fresh / "etc/dpkg/dpkg.cfg.d/no-documentation"
        unwanted.write_text(NO_DOCUMENTATION)
        succeed(*inside(fresh, "apt-get", *QUIETLY, "install", *packages))
        succeed(*inside(fresh, "apt-get", "clean"))
        unwanted.unlink()
        (fresh / "usr/sbin/policy-rc.d").unlink()
        (fresh / "recipe").write_text(" ".join(packages))
        if root.exists():
            shutil.rmtree(root)
        fresh.rename(root)


def way_to_the_archive() -> str:
    """The lines of this machine's configuration by which apt reaches it. A Release file may be past its date."""
    known = run("apt-config", "dump").splitlines()
    ours = [line for line in known if re.match("Acquire::(https?|Check-Date|Retries)", line)]
    return "\n".join([*ours, 'Acquire::Check-Valid-Until "false";', ""])


def inside(root: Path, *command: str, shared: Sequence[Path] = (), network: bool = True) -> list[str]:
    """The command that runs another one in a root directory, which has this repository, and `shared`, at their places.

    What is mounted for that is so for this command only.
    """
    kernels = [f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
    mounts = [*kernels, f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"]
    for folder in (REPOSITORY, *shared):
        mounts += [f"mkdir -p {root}{folder}", f"mount --bind {folder} {root}{folder}"]
    where = 'cd "$1"; shift; exec "$@"'
    script = "; ".join(["set -e", *mounts, f'exec chroot {root} /bin/sh -c \'{where}\' sh "$PWD" "$@"'])
    isolated = ["unshare", "--mount", "--propagation", "private", *([] if network else ["--net"])]
    return [*isolated, "sh", "-c", script, "sh", *command]


def succeed(*command: str) -> None:
    """Run a step. MissingError with the end of what it said: most often the network is in want."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        told = "\n".join(done.stdout.splitlines()[-15:])
        raise MissingError(f"{command[0]} failed:\n{told}")
