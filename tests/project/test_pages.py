"""The pages as packages install them, made by tools/pages.py; those that are in a package: test_debian_package.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import dead_links, links
from tools import pages
from tools.install import install


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    install("deb", root, left_out="")
    return root


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    folder = root / "usr/share/doc/prhelper"
    pages.write(folder)
    return folder


def test_links_lead_to_what_is_installed(folder: Path, root: Path) -> None:
    assert dead_links(folder, root) == []


def test_links_among_pages_and_to_pictures_and_modules_stay(folder: Path) -> None:
    assert links(folder / "README.md") >= {"docs/README.md", "SECURITY.md", "bench/results.svg"}
    assert "/usr/lib/prhelper/prhelper/channel/README.md" in links(folder / "docs/architecture.md")


def test_of_other_links_the_words_stay(folder: Path) -> None:
    assert "lists the options, prhelper(8) explains them" in (folder / "README.md").read_text()
