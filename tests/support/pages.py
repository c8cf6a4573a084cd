"""The pages of a package, as whoever installed it reads them."""

from __future__ import annotations

import re
from pathlib import Path

PICTURES = (".svg",)


def links(page: Path) -> set[str]:
    """The files that a page links to, relative to it or absolute."""
    found = re.findall(r"\]\(([^)]+)\)", page.read_text())
    return {link.partition("#")[0] for link in found if "://" not in link} - {""}


def dead_links(folder: Path, root: Path) -> list[tuple[str, str]]:
    """The links of the pages in this folder that lead nowhere, each with its page. root: where the package lies."""
    pages = sorted(folder.rglob("*.md"))
    assert folder / "docs/README.md" in pages
    return [
        (str(page.relative_to(folder)), link)
        for page in pages
        for link in sorted(links(page))
        if not (root / link.removeprefix("/") if link.startswith("/") else page.parent / link).is_file()
    ]
