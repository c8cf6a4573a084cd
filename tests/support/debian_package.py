"""The Debian package of this repository, built once a test run and revision, for the suite that is asked for.

That is the machine's own suite, or the one that PRHELPER_SUITE names: in a root directory of it, by its own tools.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.archive import own_suite
from tests.kernel.kernel import REPOSITORY, MissingError
from tests.kernel.root import wanted_suite

from . import debian_root
from .programs import unshare

__all__ = ["MissingError", "built", "inside"]

TOOLS = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "dh_python3": "dh-python"}


@functools.cache
def built(revision: int) -> Path:
    """A folder with the source and the binary package, of version 0.1.0-REVISION~...; it lasts as long as the process.

    Raises MissingError.
    """
    if wanted_suite() == own_suite():
        require_tools()
    folder = tempfile.TemporaryDirectory(prefix="prhelper-deb-")
    _FOLDERS.append(folder)
    command = ["-m", "tools.debian", "--revision", str(revision), "--directory", folder.name]
    environment = {**os.environ, "TMPDIR": folder.name, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        inside(python(), *command, shared=[Path(folder.name)], network=True),
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the package cannot be built:\n{done.stdout}{done.stderr}")
    return Path(folder.name)


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def inside(*command: str, shared: Sequence[Path], network: bool = False) -> list[str]:
    """The command that runs this one on a machine of the suite, where these folders are at the same places."""
    if wanted_suite() == own_suite():
        return list(command) if network else [*unshare("--net"), *command]
    root = debian_root.obtain(wanted_suite(), "build")
    return debian_root.inside(root, *command, shared=shared, network=network)


def python() -> str:
    """The Python that has hatchling."""
    return sys.executable if wanted_suite() == own_suite() else "/usr/bin/python3"


def require_tools() -> None:
    lacking = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if lacking:
        raise MissingError(f"needed to build the package: apt-get install --no-install-recommends {' '.join(lacking)}")
    if importlib.util.find_spec("hatchling") is None:
        raise MissingError("needed to build the package: hatchling (make venv installs it)")
