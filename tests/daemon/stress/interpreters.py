"""The CPython versions that prhelper is meant for, as far as this machine has them."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = ("3.11", "3.12", "3.13")


def find_interpreter(version: str) -> str:
    """A program that is this version of CPython."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    for program in _candidates(version):
        if _is_version(program, version):
            return program
    pytest.skip(f"CPython {version} is not on this machine")


def _candidates(version: str) -> Iterator[str]:
    if (found := shutil.which(f"python{version}")) is not None:
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    with contextlib.suppress(PermissionError):  # another user's
        yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python3")))


def _is_version(program: str, version: str) -> bool:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([program, "-c", code], capture_output=True, text=True)
    return result.stdout.strip() == version
