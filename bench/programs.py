"""What the benchmark runs: two C programs, compiled here, the C helper, and the Python under ours."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_SBIN = "/usr/sbin:/sbin:/usr/bin:/usr/lib/qemu"
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_WARNINGS = ("-O2", "-Wall", "-Wextra", "-Werror")


class MissingProgramError(Exception):
    """Something has to be installed first; the text says what, and how."""


@dataclass(frozen=True)
class Programs:
    """Paths: the load program, the library with the made-up devices, qemu-pr-helper, and the Python for prhelper."""

    load: Path
    slow_sg: Path
    reference: Path
    python: Path

    def reference_version(self) -> str:
        """What qemu-pr-helper says that it is."""
        result = subprocess.run([self.reference, "--version"], capture_output=True, text=True, check=True)
        return result.stdout.splitlines()[0].replace(str(self.reference), self.reference.name)

    def python_version(self) -> str:
        """Which Python, and where."""
        code = "import platform as p; print(p.python_implementation(), p.python_version())"
        result = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return f"{result.stdout.strip()} ({'the system' if self.python == _SYSTEM_PYTHON else 'the tests'}'s)"


def build(directory: Path) -> Programs:
    """Compile into `directory`, and find the rest. Raises MissingProgramError."""
    reference = find("qemu-pr-helper", "qemu-system-common")
    compiler = find("gcc", "gcc libc6-dev")
    load, slow_sg = directory / "load", directory / "slow_sg.so"
    for options, result in ((["-pthread"], load), (["-shared", "-fPIC"], slow_sg)):
        source = _HERE / f"{result.stem}.c"
        subprocess.run([compiler, *_WARNINGS, *options, "-o", result, source], check=True)
    return Programs(load, slow_sg, reference, find_python())


def find(name: str, package: str) -> Path:
    """A program of Debian's package `package`. Raises MissingProgramError."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise MissingProgramError(f"needs {name}: apt-get install --no-install-recommends {package}")
    return Path(found)


def find_python() -> Path:
    """The one that the shipped service names, if it is new enough, else that of the tests.

    qemu-pr-helper is as its distribution builds it, so prhelper's Python should be.
    """
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    suits = _SYSTEM_PYTHON.exists() and subprocess.run([_SYSTEM_PYTHON, "-c", check]).returncode == 0
    return _SYSTEM_PYTHON if suits else Path(sys.executable)
