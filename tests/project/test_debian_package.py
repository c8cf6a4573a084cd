"""The Debian package as it lies in the file system; tests/kernel/guest/package installs it.

It is that of the machine's own suite, or of the one that PRHELPER_SUITE names, looked at by that suite's tools.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.support import package_contents
from tests.support.debian_package import MissingError, built, inside
from tests.support.pages import dead_links
from tests.support.programs import missing, require_program

OF_DEBIAN = ("/usr/share/doc/prhelper/", "/usr/share/lintian/", "/usr/share/python3/runtime.d/")
BUNDLED = ("/usr/lib/prhelper/anyio/", "/usr/lib/prhelper/typing_extensions.py")

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def packages() -> Path:
    try:
        return built(1)
    except MissingError as error:
        missing(str(error))


@pytest.fixture(scope="module")
def package(packages: Path) -> Path:
    (package,) = packages.glob("prhelper_*_all.deb")
    return package


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    run("dpkg-deb", "--extract", package, folder)
    return folder


def run(*command: str | Path, cwd: Path | None = None, **more: str) -> bytes:
    done = subprocess.run(list(map(str, command)), cwd=cwd, env={**os.environ, **more}, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


def in_suite(*command: str | Path, shared: Path, cwd: Path = Path("/"), **more: str) -> str:
    """Run a program of the suite, without a network; it finds one folder of this machine's at its place."""
    return run(*inside(*map(str, command), shared=[shared]), cwd=cwd, **more).decode()


def test_lintian_finds_nothing_wrong(packages: Path) -> None:
    require_program("lintian", "lintian")
    (changes,) = packages.glob("*.changes")
    command = ("lintian", "--allow-root", "--fail-on", "error,warning", changes)
    assert in_suite(*command, shared=packages, TMPDIR=str(packages)) == ""  # it leaves files there


def test_executable_is_a_file_that_whoever_starts_it_cannot_influence(unpacked: Path) -> None:
    executable = unpacked / "usr/bin/prhelper"
    assert stat.filemode(executable.lstat().st_mode) == "-rwxr-xr-x"
    assert executable.read_text().splitlines()[0] == "#!/usr/bin/python3 -I"


def test_contents_are_those_of_every_package(package: Path) -> None:
    with tarfile.open(fileobj=BytesIO(run("dpkg-deb", "--fsys-tarfile", package))) as archive:
        files = {member.name.removeprefix("."): read(archive, member) for member in archive if member.isfile()}
    package_contents.check("deb", files, also=(*OF_DEBIAN, *BUNDLED))


def read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def test_links_of_its_pages_lead_to_files_that_it_installs(unpacked: Path) -> None:
    assert dead_links(unpacked / "usr/share/doc/prhelper", unpacked) == []


def test_services_start_the_executable(unpacked: Path) -> None:
    for unit in unpacked.glob("**/systemd/system/*.service"):
        (line,) = (line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
        assert line.split()[0] == "ExecStart=/usr/bin/prhelper"


def test_what_is_installed_runs_on_the_distributions_python(unpacked: Path, package: Path) -> None:
    modules = unpacked / "usr/lib/prhelper"
    program = f"import sys; sys.path.insert(0, {str(modules)!r}); import prhelper.daemon, anyio; print(anyio.__file__)"
    anyio = Path(in_suite("/usr/bin/python3", "-I", "-B", "-c", program, shared=unpacked).strip())
    depends = run("dpkg-deb", "--field", package, "Depends").decode()
    assert anyio.is_relative_to(modules) == ("python3-anyio" not in depends)


def test_licenses_of_all_that_is_carried_along_are_told(unpacked: Path) -> None:
    text = (unpacked / "usr/share/doc/prhelper/copyright").read_text()
    for name in (path.stem for path in (unpacked / "usr/lib/prhelper").iterdir() if path.stem != "prhelper"):
        assert f"Files: bundled/{name}*" in text


def test_the_source_package_builds_the_same_package_without_a_network(
    packages: Path, package: Path, tmp_path: Path
) -> None:
    (source,) = packages.glob("*.dsc")
    run("dpkg-source", "--extract", source, tmp_path / "source")
    build = ("dpkg-buildpackage", "--build=binary", "-us", "-uc")
    in_suite(*build, shared=tmp_path, cwd=tmp_path / "source", DEB_BUILD_OPTIONS="")
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()
