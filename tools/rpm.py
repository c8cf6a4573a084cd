"""Build the RPM, and its source package, into dist/: `make rpm`.

packaging/rpm/prhelper.spec is for Fedora and Enterprise Linux 10. Its changelog is made from CHANGELOG.md. The modules
that Debian 12's package carries are packed as well: for a distribution without anyio.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .debian import bundled, changelog
from .groups import REPOSITORY

SPEC = REPOSITORY / "packaging/rpm/prhelper.spec"
MAINTAINER = "prhelper maintainers <maintainers@prhelper.invalid>"


def build(options: Iterable[str], top: Path, destination: Path) -> Iterator[Path]:
    """Build in the folder `top`, with options for rpmbuild, such as -ba or -bs; move the packages to `destination`."""
    sources = top / "SOURCES"
    sources.mkdir()
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(sources))
    bundled.pack(REPOSITORY / "packaging/debian/bundled.txt", top / "bundled", sources / "bundled.tar.gz")
    spec = top / SPEC.name
    spec.write_text(specification())
    run("rpmbuild", "--define", f"_topdir {top}", *options, str(spec))
    for built in sorted([*top.glob("RPMS/noarch/*.rpm"), *top.glob("SRPMS/*.rpm")]):
        yield Path(shutil.move(built, destination / built.name))


def specification() -> str:
    """The spec file with the changelog."""
    text = SPEC.read_text()
    (version,) = (line.split()[1] for line in text.splitlines() if line.startswith("Version:"))
    history = changelog.entries((REPOSITORY / "CHANGELOG.md").read_text(), version, released())
    return f"{text}\n%changelog\n{formatted(history)}"


def released() -> int:
    """When what is unreleased is packaged: seconds since 1970."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", (REPOSITORY / "CHANGELOG.md").stat().st_mtime))


def formatted(history: Iterable[changelog.Entry]) -> str:
    parts = []
    for entry in history:
        day = datetime.datetime.fromtimestamp(entry.date, datetime.UTC)
        parts.append(f"* {day:%a %b %d %Y} {MAINTAINER} - {entry.version}-1")
        parts.extend(f"- {change}".replace("%", "%%") for change in entry.changes)
        parts.append("")
    return "\n".join(parts)


def run(*command: str) -> None:
    subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.rpm", description=__doc__)
    parser.add_argument("--directory", type=Path, default=REPOSITORY / "dist", help="where to put what was built")
    parser.add_argument("--source", action="store_true", help="the source package only, which any rpm can build")
    parser.add_argument("options", nargs="*", help="more of rpmbuild, behind --")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as top:
        kind = ["-bs", "--nodeps"] if options.source else ["-ba"]
        for built in build([*kind, *options.options], Path(top), options.directory):
            print(built)
    return 0


if __name__ == "__main__":
    sys.exit(main())
