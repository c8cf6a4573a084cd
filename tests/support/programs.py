"""What a test needs from the machine: the one rule for what happens where it is missing.

On a developer's machine the test is skipped, and says which package would let it run. On a CI machine (environment
CI=true) it fails, so that a suite cannot quietly shrink.
"""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

_ALSO = "/usr/sbin:/sbin:/usr/bin:/usr/lib/qemu"


def require_program(name: str, package: str) -> str:
    """The path of a program, of Debian's package `package`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_ALSO}")
    return found or missing(f"needs {name}: apt-get install --no-install-recommends {package}")


def compile_library(source: Path, directory: Path) -> Path:
    """Compile a C file into a library to preload, in `directory`."""
    library = directory / f"{source.stem}.so"
    compiler = require_program("gcc", "gcc libc6-dev")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{source.name} does not compile:\n{result.stderr}"
    return library


def require_mount_namespace() -> str:
    """The path of unshare, where it may make mount namespaces."""
    unshare = require_program("unshare", "util-linux")
    if os.geteuid() != 0 or subprocess.run([unshare, "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("only root may make a mount namespace")
    return unshare


def unshare(*namespaces: str) -> list[str]:
    """What begins a command in such namespaces, as root.

    Root needs no user namespace for them, and in a chroot the kernel makes none.
    """
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [require_program("unshare", "util-linux"), *as_root, *namespaces]


def require_user_namespace() -> list[str]:
    """What begins a command in a user namespace of its own, where one can be made."""
    command = [require_program("unshare", "util-linux"), "--user", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespace can be made here: in a chroot, or where user.max_user_namespaces is 0")
    return command


def require_module(name: str, remedy: str) -> None:
    """A Python module that the package can do without."""
    if importlib.util.find_spec(name) is None:
        missing(f"needs the module {name}: {remedy}")


def missing(text: str) -> NoReturn:
    """Something that a test needs is not there: `text` says what, and what would bring it."""
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)
