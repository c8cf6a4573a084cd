"""The Debian package of this repository, built for the machine's own distribution, once a test run and revision."""

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOOLS = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "dh_python3": "dh-python"}


class MissingError(Exception):
    """The package cannot be built here; the text says what is missing, and what would bring it."""


@functools.cache
def built(revision: int) -> Path:
    """A folder with the source and the binary package, of version 0.1.0-REVISION~...; it lasts as long as the process.

    Raises MissingError.
    """
    lacking = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if lacking:
        raise MissingError(f"needed to build the package: apt-get install --no-install-recommends {' '.join(lacking)}")
    if importlib.util.find_spec("hatchling") is None:
        raise MissingError("needed to build the package: hatchling (make venv installs it)")
    folder = tempfile.TemporaryDirectory(prefix="prhelper-deb-")
    _FOLDERS.append(folder)
    command = [sys.executable, "-m", "tools.debian", "--revision", str(revision), "--directory", folder.name]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the package cannot be built:\n{done.stdout}{done.stderr}")
    return Path(folder.name)


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
