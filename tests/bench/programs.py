"""What the benchmark runs: two C programs, compiled here, and the C helper."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_SBIN = "/usr/sbin:/sbin:/usr/bin:/usr/lib/qemu"
_WARNINGS = ("-O2", "-Wall", "-Wextra", "-Werror")


class MissingProgramError(Exception):
    """Something has to be installed first; the text says what, and how."""


@dataclass(frozen=True)
class Programs:
    """Paths: the load program, the library with the made-up devices, and qemu-pr-helper."""

    load: Path
    slow_sg: Path
    reference: Path

    def reference_version(self) -> str:
        """What qemu-pr-helper says that it is."""
        result = subprocess.run([self.reference, "--version"], capture_output=True, text=True, check=True)
        return result.stdout.splitlines()[0].replace(str(self.reference), self.reference.name)


def build(directory: Path) -> Programs:
    """Compile into `directory`, and find the rest. Raises MissingProgramError."""
    reference = find("qemu-pr-helper", "qemu-system-common")
    compiler = find("gcc", "gcc libc6-dev")
    load, slow_sg = directory / "load", directory / "slow_sg.so"
    for options, result in ((["-pthread"], load), (["-shared", "-fPIC"], slow_sg)):
        source = _HERE / f"{result.stem}.c"
        subprocess.run([compiler, *_WARNINGS, *options, "-o", result, source], check=True)
    return Programs(load, slow_sg, reference)


def find(name: str, package: str) -> Path:
    """A program of Debian's package `package`. Raises MissingProgramError."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise MissingProgramError(f"needs {name}: apt-get install --no-install-recommends {package}")
    return Path(found)
