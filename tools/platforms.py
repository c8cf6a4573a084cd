"""The whole suite on another Debian: `python -m tools.platforms trixie [ARGUMENTS OF PYTEST]`.

It runs in a root directory of that Debian, with its Python, QEMU, OpenSSL and systemd, as root, in a mount namespace of
its own. debootstrap makes the root, with what tools/system-packages.sh installs, and it is kept:

    .cache/kernel/installed/trixie-whole/
        srv/prhelper/    the project, copied anew for each run; only its .venv and .cache stay

From the host it has the configuration of apt and pip, the certificates, the way to the network, and the roots of
unpacked packages, which guests boot into.
"""

import argparse
import datetime
import email.utils
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.kernel.archive import own_suite
from tests.kernel.kernel import MissingError, cache_folder
from tests.support import debian_root

from .groups import REPOSITORY

PROJECT = Path("srv/prhelper")
STAYS = (".cache", ".venv")
MADE = (".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__", "build", "dist")
NOT_COPIED = (*STAYS, *MADE, ".git")
FROM_THE_HOST = ("/etc/hosts", "/etc/pip.conf", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
OF_THIS_MACHINE = (
    "PIP_FIND_LINKS",
    "PRHELPER_COMMAND",
    "PRHELPER_KERNEL_CACHE",
    "PRHELPER_SUITE",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)

ENTER = """\
set -e
cd "$1"; shift
mount --bind . .
cd "$PWD"
for kind in proc sys dev; do mount --rbind /$kind $kind; done
mount -t tmpfs -o mode=755 run run
for folder in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmp $folder; done
for file in $FROM_THE_HOST; do
    [ -e $file ] || continue
    [ -e .$file ] || touch .$file
    mount --bind -o ro $file .$file
done
mkdir -p srv/prhelper/.cache/kernel/roots mnt/host
mount --bind "$ROOTS" srv/prhelper/.cache/kernel/roots
pivot_root . mnt/host
cd /srv/prhelper
umount --lazy /mnt/host
exec "$@"
"""
"""A root that was changed by chroot would not do: no user namespace can be made there."""

TEST = """\
git init --quiet
make --no-print-directory system-packages venv
exec .venv/bin/python -m pytest "$@"
"""


def run(suite: str, arguments: list[str]) -> int:
    """Run the tests; return the exit status of pytest. Raises MissingError if the root cannot be made."""
    if suite == own_suite():
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=REPOSITORY, check=False).returncode
    root = debian_root.obtain(suite, "whole")
    with (root.parent / f"{root.name}.run").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for line in expired(root):
            print(line, flush=True)
        copy_project(root / PROJECT)
        entering = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", str(root)]
        testing = ["sh", "-c", TEST, "sh", *arguments]
        return subprocess.run([*entering, *testing], env=environment(), check=False).returncode


def expired(root: Path) -> list[str]:
    """What to say of the archive's Release files that are past their date."""
    told = []
    for release in sorted(root.glob("var/lib/apt/lists/*_InRelease")):
        until = re.search(r"^Valid-Until: (.*)$", release.read_text(), re.MULTILINE)
        if until and email.utils.parsedate_to_datetime(until[1]) < datetime.datetime.now(datetime.UTC):
            told.append(f"{release.name} was valid until {until[1]}; going on with it")
    return told


def copy_project(target: Path) -> None:
    """Have the project there as it is here."""
    target.mkdir(parents=True, exist_ok=True)
    for path in target.iterdir():
        if path.name in STAYS:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True, dirs_exist_ok=True)


def environment() -> dict[str, str]:
    """This process's, but for what is about its own machine."""
    roots = cache_folder().resolve() / "roots"
    roots.mkdir(exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if name not in OF_THIS_MACHINE},
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "FROM_THE_HOST": " ".join(FROM_THE_HOST),
        "ROOTS": str(roots),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.platforms", description=__doc__)
    parser.add_argument("suite", help="bookworm, trixie, forky")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of pytest")
    options = parser.parse_args()
    try:
        return run(options.suite, options.arguments)
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
