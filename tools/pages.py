"""The pages that packages install, each link of which leads somewhere there: `python3 -m tools.pages FOLDER`.

Packages have README.md, SECURITY.md and docs/ in one folder. These also link to other files of the repository. Of those
pictures come along, and modules are where every package has them; of a link to anything else only the words stay.
"""

import argparse
import functools
import os.path
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .install import MODULES, REPOSITORY, copy

LINK = re.compile(r"!?\[(?P<words>[^]]*)\]\((?P<file>[^)#\s]+)(?:#[^)]*)?\)")
PICTURES = (".svg",)


def pages() -> Iterator[Path]:
    """The pages, from the root of the repository."""
    yield from (Path("README.md"), Path("SECURITY.md"))
    yield from (page.relative_to(REPOSITORY) for page in sorted(REPOSITORY.glob("docs/*.md")))


def write(destination: Path) -> None:
    """Write the pages, and the pictures in them, as they lie to each other in the repository."""
    for page in pages():
        target = destination / page
        copy(REPOSITORY / page, target)
        text = target.read_text()
        target.write_text(LINK.sub(functools.partial(adapted, page), text))
        for picture in (linked(page, link) for link in LINK.finditer(text)):
            if picture.suffix in PICTURES:
                copy(REPOSITORY / picture, destination / picture)


def adapted(page: Path, link: re.Match[str]) -> str:
    """What stands in the place of a link of this page."""
    file = linked(page, link)
    if "://" in link["file"] or file in pages() or file.suffix in PICTURES:
        return link[0]
    if file.parts[0] == "prhelper":
        return f"[{link['words']}](/{MODULES / file})"
    return link["words"]


def linked(page: Path, link: re.Match[str]) -> Path:
    """The file that a link of this page leads to, from the root of the repository."""
    return Path(os.path.normpath(page.parent / link["file"]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools.pages", description=__doc__)
    parser.add_argument("destination", type=Path)
    write(parser.parse_args().destination)
    return 0


if __name__ == "__main__":
    sys.exit(main())
