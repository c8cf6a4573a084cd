"""Where packages come from: the machine's own mirror, and what is said if they do not."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from . import archive
from .kernel import MissingError

APT = """\
testsuite-updates main http://mirror.example/debian/
testsuite contrib http://mirror.example/debian/
testsuite main http://mirror.example/debian/
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Debian machine with a mirror, but without the network."""

    def run(*command: str, **_: Path) -> str:
        if "indextargets" in command:
            return APT
        raise subprocess.CalledProcessError(100, command, stderr="W: it is slow\nE: no such suite\nand no more\n")

    monkeypatch.setattr(archive, "run", run)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "testsuite"})


def test_the_mirror_is_that_of_the_machine_s_own_suite() -> None:
    assert archive.mirror() == "http://mirror.example/debian/"


def test_a_suite_that_cannot_be_had_is_said_to_be_missing_in_apt_s_words(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"apt-get update failed:\nW: it is slow\nE: no such suite\n$"):
        archive.Archive("future", tmp_path / "archive")
    sources = (tmp_path / "archive/sources.list").read_text()
    assert sources.endswith("http://mirror.example/debian/ future main\n")


def test_a_machine_that_is_not_debian_s_has_no_suite_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "other", "PRETTY_NAME": "Other 1"})
    with pytest.raises(MissingError, match="this is Other 1"):
        archive.own_suite()


def test_a_machine_whose_apt_has_no_mirror_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "run", lambda *_, **__: "")
    with pytest.raises(MissingError, match="no source for testsuite main"):
        archive.mirror()
