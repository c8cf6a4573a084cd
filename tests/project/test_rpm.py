"""The RPM for Enterprise Linux 10, as far as Debian's rpm builds it; what Fedora's differs in."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import prhelper
from tests.support import package_contents
from tests.support.pages import dead_links
from tests.support.programs import require_program
from tools.rpm import SPEC, specification

REPOSITORY = Path(__file__).parents[2]
HERE = Path(__file__).parent
BUNDLED = ("/usr/lib/prhelper/anyio/", "/usr/lib/prhelper/typing_extensions.py")
ELSEWHERE = ("/usr/share/doc/prhelper-", "/usr/share/licenses/prhelper-")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory in which rpm finds the macros of the distribution."""
    require_program("rpmbuild", "rpm")
    home = tmp_path_factory.mktemp("home")
    macros = (HERE / "rpm-macros").read_text()
    (home / ".rpmmacros").write_text(f"{macros}\n%rhel 10\n%dist .el10\n")
    return home


@pytest.fixture(scope="module")
def packages(home: Path) -> Path:
    """A folder with the package and its source package."""
    run(sys.executable, "-m", "tools.rpm", "--directory", home / "built", "--", "--nodeps", home=home)
    return home / "built"


@pytest.fixture(scope="module")
def package(packages: Path) -> Path:
    (package,) = packages.glob("*.noarch.rpm")
    return package


def run(*command: str | Path, home: Path) -> bytes:
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(list(map(str, command)), cwd=REPOSITORY, env=environment, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


def query(home: Path, package: Path, *what: str) -> str:
    return run("rpm", "--query", "--package", *what, package, home=home).decode()


def test_rpmlint_finds_nothing_wrong(home: Path, packages: Path) -> None:
    require_program("rpmlint", "rpmlint")
    said = run("rpmlint", "--config", HERE / "rpmlint.toml", SPEC, *packages.iterdir(), home=home).decode()
    assert "0 errors, 0 warnings" in said, said


def test_contents_are_those_of_every_package(package: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archived(package))) as archive:
        files = {member.name.removeprefix("."): read(archive, member) for member in archive if not member.isdir()}
    compiled = {path for path in files if "/__pycache__/" in path}
    assert compiled
    package_contents.check("rpm", {path: files[path] for path in files.keys() - compiled}, (*BUNDLED, *ELSEWHERE))


def test_links_of_its_pages_lead_to_files_that_it_installs(package: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "--extract", "--directory", tmp_path], input=archived(package), check=True)
    (folder,) = tmp_path.glob("usr/share/doc/prhelper*")
    assert dead_links(folder, tmp_path) == []


def archived(package: Path) -> bytes:
    """What the package installs, as a tar archive."""
    command = ["rpm2archive", "--nocompression", "-"]
    return subprocess.run(command, input=package.read_bytes(), stdout=subprocess.PIPE, check=True).stdout


def read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def test_executables_are_files_that_their_owner_alone_may_write(home: Path, package: Path) -> None:
    modes = dict(
        line.split() for line in query(home, package, "--qf", "[%{FILENAMES} %{FILEMODES:perms}\n]").splitlines()
    )
    assert {mode for path, mode in modes.items() if path.startswith("/usr/bin/")} == {"-rwxr-xr-x"}
    assert {mode for path, mode in modes.items() if mode[0] != "d"} == {"-rwxr-xr-x", "-rw-r--r--"}


def test_upgrade_restarts_services_and_leaves_sockets_open(home: Path, package: Path) -> None:
    after_removal = query(home, package, "--qf", "%{POSTUN}")
    services = {path.name for path in (REPOSITORY / "packaging").glob("*.service")}
    assert set(re.findall(r"\S+\.(?:service|socket)", after_removal)) == services


def test_removal_stops_every_unit(home: Path, package: Path) -> None:
    units = {path.name for kind in ("service", "socket") for path in (REPOSITORY / "packaging").glob(f"*.{kind}")}
    for scriptlet in ("%{POSTIN}", "%{PREUN}"):
        assert set(re.findall(r"\S+\.(?:service|socket)", query(home, package, "--qf", scriptlet))) == units


@pytest.mark.parametrize(("distribution", "bundled"), [("rhel 10", True), ("fedora 43", False)])
def test_anyio_is_required_where_there_is_one_and_carried_elsewhere(
    home: Path, distribution: str, bundled: bool
) -> None:
    macros = ("--undefine", "rhel", "--define", distribution)
    requires, provides = (
        run("rpmspec", "--query", what, *macros, SPEC, home=home).decode() for what in ("--requires", "--provides")
    )
    assert ("python3-anyio >= 4.8" in requires) == (not bundled)
    text = (REPOSITORY / "packaging/debian/bundled.txt").read_text()
    for name, version in re.findall(r"^(\w+)==(\S+)", text, re.MULTILINE):
        line = f"bundled(python3dist({name.replace('_', '-')})) = {version}"
        assert (line in provides) == bundled


def test_version_is_ours_and_the_changelog_tells_of_it() -> None:
    text = specification()
    assert f"\nVersion:        {prhelper.__version__}\n" in text
    assert re.search(rf"^\* .* - {prhelper.__version__}-1$", text, re.MULTILINE)
