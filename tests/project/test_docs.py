"""The pages in docs/: each can be reached from the index, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prhelper.host.machine_name import name_of_unit, named
from prhelper.host.peer import Peer
from tests.support.pages import links

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.glob("*.md"))
OTHERS = ("README.md", "packaging/debian/README.Debian", "man/prhelper.8", "man/prhelperctl.8")


def test_index_has_every_page() -> None:
    assert {page.name for page in PAGES} - {"README.md"} <= links(DOCS / "README.md")
    assert "docs/README.md" in links(REPOSITORY / "README.md")


@pytest.mark.parametrize(
    "page", [*PAGES, REPOSITORY / "README.md", REPOSITORY / "SECURITY.md"], ids=lambda page: page.name
)
def test_links_lead_to_files_that_there_are(page: Path) -> None:
    assert [link for link in sorted(links(page)) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/qemu.md", "docs/proxmox.md", "packaging/debian/README.Debian"])
def test_page_has_qemu_connect_to_where_the_packages_helper_listens(page: str) -> None:
    unit = (REPOSITORY / "packaging/prhelper.socket").read_text()
    (listens_at,) = re.findall(r"^ListenStream=(.*)$", unit, re.MULTILINE)
    assert re.findall(r"pr-manager-helper,id=pr0,path=(\S+)", (REPOSITORY / page).read_text()) == [listens_at]


@pytest.mark.parametrize("page", [*PAGES, *map(REPOSITORY.joinpath, OTHERS)], ids=lambda page: page.name)
def test_page_has_journalctl_show_lines_to_their_end(page: Path) -> None:
    """Its pager cuts them off at the edge of the terminal, and how a reservation ended is at their end."""
    commands = re.findall(r"journalctl -.*", page.read_text())
    assert [command for command in commands if "--no-pager" not in command] == []


POD = "kubepods.slice/kubepods-pod0d1c6b7e_5c43_4b5e_9a53_0e6a2f3b8c11.slice"


@pytest.mark.parametrize(
    ("page", "peer", "unit"),
    [
        ("kubevirt.md", Peer(4711, 107, "qemu-kvm"), POD),
        ("proxmox.md", Peer(4711, 0, "kvm"), "qemu.slice/101.scope"),
    ],
)
def test_page_names_a_machine_as_the_log_does(page: str, peer: Peer, unit: str) -> None:
    assert f"{named(peer, name_of_unit(unit))}: device 8:16 (sdb): " in (DOCS / page).read_text()
