"""Build the container image, of the Debian package: `make image`.

A package that was built on an older Debian than the image's runs there as well.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .debian.source import build
from .groups import REPOSITORY

CONTAINER = REPOSITORY / "packaging/container"


def package(scratch: Path) -> Path:
    """Build the package for the distribution of this machine."""
    (built,) = (path for path in build(1, scratch, scratch) if path.suffix == ".deb")
    return built


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=__doc__)
    parser.add_argument("--base", help="the image to build on (default: that of the Containerfile)")
    parser.add_argument("--tag", default="prhelper", help="the name of the new image (default: %(default)s)")
    parser.add_argument("--package", type=Path, help="the package to install (default: one that is built now)")
    options = parser.parse_args()
    base = ["--build-arg", f"BASE={options.base}"] if options.base else []
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch, "context")
        context.mkdir()
        shutil.copy(options.package or package(Path(scratch)), context / "prhelper.deb")
        shutil.copy(CONTAINER / "entrypoint.sh", context)
        file = ["--file", str(CONTAINER / "Containerfile")]
        subprocess.run(["buildah", "bud", *file, *base, "--tag", options.tag, str(context)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
