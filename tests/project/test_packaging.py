"""What is built holds all that is needed: the wheel is installed into an empty environment and started."""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

import prhelper
from tests.support import package_contents
from tests.support.programs import require_program, unshare
from tools.install import entries

REPOSITORY = Path(__file__).parents[2]
WHEELS_OF_DEBIAN = Path("/usr/share/python-wheels")
FEATURES = bytes(4)
"""What the helper says first to every client."""

NEEDS_BACKEND = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None,
    reason="wheel and source distribution cannot be built: hatchling is missing (make venv installs it)",
)
NEEDS_PIP = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason="the wheel cannot be installed: pip is missing here"
)
pytestmark = [NEEDS_BACKEND, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", REPOSITORY, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it requires, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    run(*pip(environment), "install", "--quiet", "--no-index", "--no-deps", wheel)
    for name in requirements("prhelper"):
        link(importlib.metadata.distribution(name), site_packages(environment))
    return environment


def build(target: str, source: Path, destination: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", destination, cwd=source)
    (built,) = destination.iterdir()
    return built


def run(*command: str | Path, cwd: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    environment = {**os.environ, **settings}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pip(environment: Path) -> list[str]:
    python = environment / "bin" / "python"
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]


def site_packages(environment: Path) -> Path:
    (path,) = environment.glob("lib/python*/site-packages")
    return path


def requirements(name: str) -> set[str]:
    """The names of all distributions that this one requires here, directly or not, without its extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for requirement in importlib.metadata.requires(waiting.pop()) or []:
            required = requires_here(requirement)
            if required is not None and required not in found:
                found.add(required)
                waiting.append(required)
    return found


def requires_here(requirement: str) -> str | None:
    from packaging.requirements import Requirement  # comes with hatchling

    parsed = Requirement(requirement)
    return parsed.name if parsed.marker is None or parsed.marker.evaluate({"extra": ""}) else None


def link(distribution: importlib.metadata.Distribution, destination: Path) -> None:
    """Have a distribution that is installed here in another environment as well: no network is needed for it."""
    for name in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
        if not (destination / name).exists():
            (destination / name).symlink_to(str(distribution.locate_file(name)))


def test_the_source_distribution_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    run("tar", "-xf", sdist, "-C", tmp_path)
    again = build("wheel", tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_source_distribution_has_what_a_contributor_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        parts = {name.partition("/")[2] for name in archive.getnames()}
    assert parts >= {
        "Makefile",
        "LICENSE",
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "tests/conftest.py",
        "tools/mutants.py",
    }


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Version"] == prhelper.__version__
    assert metadata["License-Expression"] == "GPL-2.0-or-later"
    assert metadata["License-File"] == "LICENSE"
    assert "](" not in metadata.get_payload()  # it would lead nowhere: the wheel has no pages


def test_the_changelog_tells_of_the_version() -> None:
    assert prhelper.__version__ in (REPOSITORY / "CHANGELOG.md").read_text()


def test_contents_of_the_wheel_are_those_of_every_package(wheel: Path) -> None:
    places = {"prhelper/": "/usr/lib/prhelper/prhelper/", f"{stem(wheel)}.data/data/": "/usr/"}
    with zipfile.ZipFile(wheel) as archive:
        files = {
            name.replace(place, installed, 1): archive.read(name)
            for name in archive.namelist()
            for place, installed in places.items()
            if name.startswith(place)
        }
        others = {name.split("/")[0] for name in archive.namelist() if not name.startswith(tuple(places))}
    package_contents.check("wheel", files, also=())
    assert others == {f"{stem(wheel)}.dist-info"}


def stem(wheel: Path) -> str:
    """What the names of the wheel's own folders begin with."""
    return "-".join(wheel.name.split("-")[:2])


@NEEDS_PIP
def test_manual_and_units_are_installed_where_they_are_looked_for(environment: Path) -> None:
    for entry in entries("wheel"):
        installed = environment / entry.target.relative_to("usr")
        assert installed.read_bytes() == (REPOSITORY / entry.source).read_bytes()


def test_pipx_installs_it_without_a_network(wheel: Path, tmp_path: Path) -> None:
    pipx = require_program("pipx", "pipx")
    index = tmp_path / "index"
    index.mkdir()
    for name in requirements("prhelper"):
        repack(importlib.metadata.distribution(name), index)
    for shared in WHEELS_OF_DEBIAN.glob("*.whl"):  # of pip, which pipx shares between its environments
        (index / shared.name).symlink_to(shared)
    home, commands = tmp_path / "home", tmp_path / "bin"
    settings = {"PIPX_HOME": str(home), "PIPX_BIN_DIR": str(commands), "PIPX_MAN_DIR": str(tmp_path / "man")}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    run(*unshare("--net"), pipx, "install", wheel, settings=settings | offline)
    assert run(commands / "prhelper", "--version").split() == ["prhelper", prhelper.__version__]
    for entry in entries("wheel"):
        assert (home / "venvs/prhelper" / entry.target.relative_to("usr")).is_file()


def repack(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    """Make a wheel again of a distribution that is installed here."""
    name = distribution.metadata["Name"].replace("-", "_")
    with zipfile.ZipFile(folder / f"{name}-{distribution.version}-py3-none-any.whl", "w") as archive:
        for file in distribution.files or []:
            if file.parts[0] != ".." and file.suffix != ".pyc":
                archive.write(str(distribution.locate_file(file)), str(file))


@NEEDS_PIP
def test_the_wheel_requires_what_it_imports_and_nothing_is_missing(environment: Path) -> None:
    assert "No broken requirements" in run(*pip(environment), "check")
    python = environment / "bin" / "python"
    where = run(python, "-I", "-c", "import prhelper.daemon, prhelper.channel; print(prhelper.__file__)")
    assert Path(where.strip()).is_relative_to(environment)
    assert run(environment / "bin" / "prhelper", "--version").split() == ["prhelper", prhelper.__version__]


@NEEDS_PIP
def test_the_installed_helper_starts_answers_and_stops(environment: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    command = [str(environment / "bin" / "prhelper"), "-k", str(path)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(command, env=clean, stderr=subprocess.PIPE, text=True) as helper:
        assert helper.stderr is not None
        said = []
        for line in helper.stderr:
            said.append(line)
            if "listening on" in line:
                break
        assert path.is_socket(), said
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(4, socket.MSG_WAITALL) == FEATURES
        helper.send_signal(signal.SIGTERM)
        helper.stderr.read()
    assert helper.returncode == 0
    assert not path.exists()
