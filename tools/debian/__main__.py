"""Build the Debian package into dist/: `make deb`."""

import argparse
import sys
import tempfile
from pathlib import Path

from ..groups import REPOSITORY
from .source import build


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.debian", description=__doc__)
    parser.add_argument("--revision", type=int, default=1, help="Debian's part of the version number (default 1)")
    parser.add_argument("--directory", type=Path, default=REPOSITORY / "dist", help="where to put what was built")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for built in build(options.revision, Path(scratch), options.directory):
            print(built)
    return 0


if __name__ == "__main__":
    sys.exit(main())
