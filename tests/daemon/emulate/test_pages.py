"""What the pages in docs/ say that a guest types, what it sees, and what the log says of it.

A block of `console` has commands after `#`, perhaps with the node that types them, and what they print. A block of
`text` has lines of the log: as far as it says who asked, for which disk and how long it took, they are examples.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prhelper.ctl.cli import main as prhelperctl

from ...support.helper import Helper
from ...support.programs import compile_library
from .conftest import Start
from .test_sg_persist import GOOD, SgPersist

DOCS = Path(__file__).parents[3] / "docs"
OF_DEBIAN = DOCS.parent / "packaging/debian/README.Debian"
GUESTS_DISK = "/dev/sdb"

REGISTERS = "--no-inquiry --out --register-ignore --param-sark={}"
RESERVES = "--no-inquiry --out --reserve --param-rk={} --prout-type=5"
WINDOWS = (
    ("node1", REGISTERS.format("a1"), GOOD),
    ("node1", RESERVES.format("a1"), GOOD),
    ("node2", REGISTERS.format("b2"), GOOD),
    ("node2", RESERVES.format("b2"), 24),
    ("node2", "--no-inquiry --out --preempt --param-rk=b2 --param-sark=a1 --prout-type=5", GOOD),
)
"""What the nodes of a cluster send, as docs/windows.md has it in the log."""

Nodes = Callable[[str], SgPersist]


def blocks(page: str, kind: str) -> list[list[str]]:
    """The lines of each block of a kind."""
    text = (DOCS / page).read_text()
    return [block.splitlines() for block in re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


def of_log(line: str) -> str:
    """What the command was and how it ended."""
    found = re.search(r"PERSISTENT RESERVE OUT .*?(?=, [0-9.]+ ms$|$)", line)
    assert found, line
    return found[0]


@pytest.fixture
def helper(start: Start) -> Helper:
    return start("--emulate-nexus=connection")


@pytest.fixture
def node(helper: Helper, disk: Path, tmp_path: Path) -> Iterator[Nodes]:
    """The sg_persist of a node, by name; each is another initiator."""
    library = compile_library(Path(__file__).with_name("sg_redirect.c"), tmp_path)
    nodes: dict[str, SgPersist] = {}
    with ExitStack() as stack:

        def node(name: str) -> SgPersist:
            return nodes.setdefault(name, SgPersist(library, helper.socket, disk, stack))

        yield node


@pytest.mark.parametrize("page", ["qemu.md", "pacemaker.md"])
def test_guests_see_what_the_page_shows_and_the_log_says_it(page: str, node: Nodes, helper: Helper) -> None:
    (shown,) = blocks(page, "console")
    expected: list[str] = []
    printed: list[str] = []
    for line in shown:
        if (command := re.fullmatch(r"(\w*)# sg_persist (.*)", line)) is None:
            expected.append(line)
            continue
        assert printed == expected
        words = shlex.split(command[2])
        assert words[-1] == GUESTS_DISK
        sg_persist = node(command[1])
        assert sg_persist(*(word for word in words[:-1] if word != "-d")) == GOOD
        printed, expected = sg_persist.output.splitlines(), []
    assert printed == expected
    check_log(page, helper)


def test_guest_reserves_and_ends_it_by_the_commands_of_the_debian_package(node: Nodes) -> None:
    guest = node("")
    *to_reserve, shows, ends = re.findall(r"^    sg_persist (.*) /dev/sdY$", OF_DEBIAN.read_text(), re.MULTILINE)
    for command in to_reserve:
        assert (guest(*command.split()), guest.output) == (GOOD, "")
    assert guest(*shows.split()) == GOOD
    assert "Key=0xa1" in guest.output
    assert guest(*ends.split()) == GOOD
    assert guest(*shows.split()) == GOOD
    assert "Key=" not in guest.output


@pytest.mark.parametrize("page", [DOCS / "qemu.md", OF_DEBIAN], ids=lambda page: page.name)
def test_host_of_a_guest_that_is_gone_ends_its_reservation(
    page: Path, start: Start, disk: Path, tmp_path: Path
) -> None:
    helper = start()  # guest and prhelperctl are one initiator: this process, as they are this host to a real disk
    library = compile_library(Path(__file__).with_name("sg_redirect.c"), tmp_path)
    with ExitStack() as until_it_is_gone:
        guest = SgPersist(library, helper.socket, disk, until_it_is_gone)
        assert guest(*REGISTERS.format("a1").split()) == GOOD
        assert guest(*RESERVES.format("a1").split()) == GOOD
    (clear,) = re.findall(r"prhelperctl (clear .*) /dev/sdX", page.read_text())
    assert prhelperctl([*clear.split(), "-k", str(helper.socket), str(disk)]) == GOOD
    with ExitStack() as stack:
        assert "NO registered" in SgPersist(library, helper.socket, disk, stack).read("read-keys")


def test_log_of_a_windows_cluster_is_as_the_page_says(node: Nodes, helper: Helper) -> None:
    for name, options, status in WINDOWS:
        assert node(name)(*options.split()) == status
    check_log("windows.md", helper)


def check_log(page: str, helper: Helper) -> None:
    (lines,) = blocks(page, "text")
    helper.wait_for_log("PERSISTENT RESERVE OUT", times=len(lines))
    logged = [line for line in helper.output().splitlines() if "PERSISTENT RESERVE OUT" in line]
    assert [of_log(line) for line in logged] == [of_log(line) for line in lines]


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_message_that_a_page_names_is_one_that_prhelper_has(page: str) -> None:
    sources = "".join(path.read_text() for path in (DOCS.parent / "prhelper").rglob("*.py"))
    known = re.sub(r'"\s*\n\s*f?"', "", sources)
    table = (DOCS / page).read_text().partition("## What goes wrong")[2]
    for message in re.findall(r"log: `([^`]+)`", table):
        assert message in known, f"{page}: no such message: {message}"
