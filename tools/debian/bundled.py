"""Modules that the package carries itself, as a second upstream tarball whose folder is bundled/.

The wheels that packaging/debian/bundled.txt names are taken from .cache/debian, or else pip puts them there. Either way
it checks their hashes. They are pure Python, so a wheel is its own source.
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from ..groups import REPOSITORY

CONTINUED = "\n           "
CACHE = REPOSITORY / ".cache" / "debian"


def add(requirements: Path, tree: Path, tarball: Path) -> None:
    """Put the modules into `tree`, their licenses into its debian/copyright, and both into a tarball of their own."""
    folder = tree / "bundled"
    pack(requirements, folder, tarball)
    with (tree / "debian/copyright").open("a") as file:
        file.writelines(stanza(license_file) for license_file in sorted(folder.glob("*.dist-info/licenses/LICENSE")))


def pack(requirements: Path, folder: Path, tarball: Path) -> None:
    """Unpack the modules into a folder, and pack them as the folder bundled/ of a tarball."""
    for wheel in wheels(requirements):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    with tarfile.open(tarball, "w:gz") as component:
        component.add(folder, "bundled")


def wheels(requirements: Path) -> list[Path]:
    """The wheels of these requirements."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    place = ["--requirement", str(requirements), "--dest", str(CACHE), "--find-links", str(CACHE)]
    if subprocess.run([*pip, "--no-index", *place], capture_output=True).returncode:
        subprocess.run([*pip, *place], check=True)
    pinned = re.findall(r"^(\w+)==(\S+)", requirements.read_text(), re.MULTILINE)
    return [next(CACHE.glob(f"{name}-{version}-*.whl")) for name, version in pinned]


def stanza(license_file: Path) -> str:
    """The paragraph of debian/copyright for one distribution's files."""
    metadata = license_file.parents[1]
    name = metadata.name.split("-")[0]
    text = license_file.read_text()
    holders = dict.fromkeys(re.findall(r"^ *Copyright (?:\([cC]\)|©) *(.*\S)", text, re.MULTILINE))
    (short,) = re.findall(r"^License-Expression: (\S+)", (metadata / "METADATA").read_text(), re.MULTILINE)
    lines = [
        "",
        f"Files: bundled/{name}*",
        f"Copyright: {CONTINUED.join(holders)}",
        f"License: {short}",
        *(f" {line.rstrip() or '.'}" for line in text.strip().splitlines()),
    ]
    return "\n".join(lines) + "\n"
