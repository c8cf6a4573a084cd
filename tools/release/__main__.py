"""Make a release: version, changelog, sdist, wheel, packages, checksums, commit and tag. Nothing is published."""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..groups import REPOSITORY
from .building import build
from .text import RefusedError, release


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("version", help="such as 1.2.3")
    version = parser.parse_args().version
    destination = REPOSITORY / "dist" / f"prhelper-{version}"
    day = datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    os.environ["SOURCE_DATE_EPOCH"] = str(int(day.timestamp()))  # built again on another day, it is the same
    try:
        check(version, destination)
        changed = release(REPOSITORY, version, f"{day:%Y-%m-%d}")
    except RefusedError as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    names = list(map(str, changed))
    try:
        left_out = build(REPOSITORY, destination)
        git("commit", "--quiet", "--message", f"Release {version}", *names)
        git("tag", "--annotate", "--message", f"prhelper {version}", f"v{version}")
    except BaseException:
        git("checkout", "--quiet", "HEAD", "--", *names)
        shutil.rmtree(destination, ignore_errors=True)
        raise
    print(*(f"left out: {why}" for why in left_out), f"{destination} and the tag v{version} can be published", sep="\n")
    return 0


def check(version: str, destination: Path) -> None:
    """Ask what would make a wrong release of it. Raises RefusedError."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise RefusedError(f"'{version}' is no version such as 1.2.3")
    changes = git("status", "--porcelain")
    if changes:
        raise RefusedError(f"the tree is not clean; commit or remove:\n{changes}")
    if git("tag", "--list", f"v{version}"):
        raise RefusedError(f"the tag v{version} exists")
    if destination.exists():
        raise RefusedError(f"{destination} exists: remove it")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
