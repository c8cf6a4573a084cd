"""What a release publishes: source distribution, wheel, packages as far as this machine builds them, and checksums."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {"tools.debian": ("dpkg-buildpackage", []), "tools.rpm": ("rpmbuild", ["--source"])}
"""What builds each, if the program is there. A source RPM is the same everywhere; `make rpm` builds the other."""

CHECKSUMS = "SHA256SUMS"


def build(repository: Path, destination: Path) -> list[str]:
    """Build everything into an empty folder. Returns what could not be built here, and why."""
    destination.mkdir(parents=True)
    run(repository, "hatchling", "build", "--directory", str(destination))
    left_out = []
    for module, (program, options) in PACKAGES.items():
        if shutil.which(program):
            run(repository, module, "--directory", str(destination), *options)
        else:
            left_out.append(f"{module} needs {program}")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(destination.iterdir())]
    (destination / CHECKSUMS).write_text("".join(sums))
    return left_out


def run(repository: Path, *module: str) -> None:
    subprocess.run([sys.executable, "-m", *module], cwd=repository, check=True)
