"""From the repository to a source package, and from that to a package."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from ..groups import REPOSITORY
from . import bundled, changelog

DEBIAN = REPOSITORY / "packaging" / "debian"
REQUIRED_ANYIO = "4.8"


def build(revision: int, scratch: Path, destination: Path) -> list[Path]:
    """Build source and binary package in `scratch`; move them to `destination`. Prints what the tools say."""
    tree = unpack(scratch)
    date = int(os.environ.get("SOURCE_DATE_EPOCH", (REPOSITORY / "CHANGELOG.md").stat().st_mtime))
    history = changelog.entries((REPOSITORY / "CHANGELOG.md").read_text(), upstream_version(tree), date)
    shutil.copytree(DEBIAN, tree / "debian", ignore=shutil.ignore_patterns("bundled.txt"))
    (tree / "debian/changelog").write_text(changelog.formatted(history, f"-{revision}{distribution_suffix()}"))
    if anyio_is_too_old():
        bundled.add(DEBIAN / "bundled.txt", tree, scratch / f"{orig(tree)}.orig-bundled.tar.gz")
    run("dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", cwd=tree)
    made = [path for path in sorted(scratch.glob("prhelper_*")) if path.is_file()]
    return [Path(shutil.move(path, destination / path.name)) for path in made]


def unpack(scratch: Path) -> Path:
    """Make the source distribution the upstream tarball; unpack it. Returns the root of the source."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(scratch), cwd=REPOSITORY)
    (tarball,) = scratch.glob("prhelper-*.tar.gz")
    run("tar", "-xf", str(tarball), cwd=scratch)
    tree = scratch / tarball.name.removesuffix(".tar.gz")
    tarball.rename(scratch / f"{orig(tree)}.orig.tar.gz")
    return tree


def orig(tree: Path) -> str:
    """What the names of the upstream tarballs begin with."""
    return f"prhelper_{upstream_version(tree)}"


def upstream_version(tree: Path) -> str:
    return tree.name.removeprefix("prhelper-")


def distribution_suffix() -> str:
    """What sorts the same version, built for an older release, before one for a newer: ~debian12 before ~debian13.

    A release in preparation has no number, and no suffix.
    """
    release = platform.freedesktop_os_release()
    return f"~{release['ID']}{release['VERSION_ID']}" if "VERSION_ID" in release else ""


def anyio_is_too_old() -> bool:
    """Whether this distribution's python3-anyio cannot be used."""
    policy = run("apt-cache", "policy", "python3-anyio", cwd=REPOSITORY, capture=True)
    (candidate,) = [line.split()[1] for line in policy.splitlines() if "Candidate:" in line] or ["(none)"]
    if candidate == "(none)":
        raise SystemExit("python3-anyio is unknown: apt-get update tells whether this distribution's is new enough")
    return subprocess.run(["dpkg", "--compare-versions", candidate, "lt", REQUIRED_ANYIO]).returncode == 0


def run(*command: str, cwd: Path, capture: bool = False) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, text=True, capture_output=capture)
    return done.stdout or ""
