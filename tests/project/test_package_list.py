"""packaging/files, by which all packages install: complete, and the same as the wheel's own list."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from tools.install import KINDS, MODULES, REPOSITORY, entries, install


def test_every_unit_page_and_executable_of_ours_is_listed() -> None:
    packaging, man = REPOSITORY / "packaging", REPOSITORY / "man"
    ours = {path.relative_to(REPOSITORY) for folder in (packaging, man) for path in folder.iterdir() if path.is_file()}
    listed = {entry.source for kind in KINDS for entry in entries(kind)}
    assert ours - {Path("packaging/files")} <= listed
    assert [source for source in listed if not (REPOSITORY / source).is_file()] == []


def test_wheel_has_what_the_list_says() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {str(entry.source): str(entry.target.relative_to("usr")) for entry in entries("wheel")}


def test_wheel_has_the_same_commands_as_packages_each_with_a_page() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    executables = [entry for entry in entries("deb") if entry.target.parent == Path("usr/bin")]
    assert project["project"]["scripts"].keys() == {entry.target.name for entry in executables}
    pages = {entry.target.stem for entry in entries("deb") if entry.target.is_relative_to("usr/share/man")}
    for entry in executables:
        assert entry.target.name in pages
        first, *lines = (REPOSITORY / entry.source).read_text().splitlines()
        assert first == "#!/usr/bin/python3 -I"
        assert f'sys.path.insert(0, "/{MODULES}")' in lines


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_is_installed_is_readable_for_all_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        install("deb", tmp_path, left_out="usr/lib/systemd")
    finally:
        os.umask(before)
    files = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent.name for path, mode in files.items() if mode == 0o755} == {"bin"}
    assert set(files.values()) == {0o644, 0o755}
    assert not (tmp_path / "usr/lib/systemd").exists()
    assert not list(tmp_path.rglob("__pycache__"))
