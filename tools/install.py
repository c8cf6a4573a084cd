"""Install into a folder what a package has: `python3 tools/install.py deb debian/prhelper`.

That is the modules, in a folder of their own, and what packaging/files lists. Needs nothing but Python, since packages
are built by it, and runs as a file, since a distribution may have a module `tools`.
"""

import argparse
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
LIST = REPOSITORY / "packaging" / "files"
KINDS = ("deb", "rpm", "wheel")
MODULES = Path("usr/lib/prhelper")
"""The executables look here first, so that what a package carries itself is found before the distribution's."""


class Entry(NamedTuple):
    """One file. source: from the root of the repository; target: from the root directory, without the slash."""

    source: Path
    target: Path
    kinds: tuple[str, ...]


def entries(kind: str) -> Iterator[Entry]:
    """The list, as far as it is for this kind of package."""
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            source, target, *kinds = line.split()
            entry = Entry(Path(source), Path("/usr", target).relative_to("/"), tuple(kinds) or KINDS)
            if kind in entry.kinds:
                yield entry


def install(kind: str, destination: Path, left_out: str) -> None:
    """Install what this kind of package has, except below `left_out`; also what lies in bundled/, where that exists."""
    for module in [REPOSITORY / "prhelper", *bundled()]:
        copy(module, destination / MODULES / module.name)
    for entry in entries(kind):
        if not (left_out and entry.target.is_relative_to(left_out)):
            copy(REPOSITORY / entry.source, destination / entry.target)


def bundled() -> Iterator[Path]:
    """Modules of others that the source package brought along; not what says which version they have."""
    return (path for path in (REPOSITORY / "bundled").glob("*") if path.suffix != ".dist-info")


def copy(source: Path, target: Path) -> None:
    """Copy a file or a tree. Modes are 644 and 755, whatever the umask: an executable for its owner is one for all."""
    if source.is_dir():
        for path in source.iterdir():
            if path.name != "__pycache__":
                copy(path, target / path.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)


def main() -> int:
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__)
    parser.add_argument("kind", choices=KINDS[:2])
    parser.add_argument("destination", type=Path)
    parser.add_argument("--except", dest="left_out", default="", metavar="FOLDER", help="what another tool installs")
    options = parser.parse_args()
    install(options.kind, options.destination, options.left_out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
