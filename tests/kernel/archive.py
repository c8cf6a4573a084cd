"""Packages of any Debian suite, looked up and fetched with package lists of our own.

The mirror is the one that this machine's own apt uses, and the keys that it trusts are those of Debian's keyring. The
machine's package lists and its installed packages play no part: what is fetched is complete in itself. No step needs
root.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .kernel import MissingError, run

KEYRINGS = Path("/usr/share/keyrings")
LOOK = ("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")


class Archive:
    """A suite's packages. `folder` holds lists and downloads; it need not exist. Raises MissingError."""

    def __init__(self, suite: str, folder: Path) -> None:
        for needed in ("lists/partial", "cache/archives/partial", "alone"):
            (folder / needed).mkdir(parents=True)
        (folder / "status").touch()
        keyrings = ",".join(map(str, sorted(KEYRINGS.glob("debian-archive-*.gpg"))))
        trusted = f"[signed-by={keyrings}] " if keyrings else ""
        (folder / "sources.list").write_text(f"deb {trusted}{mirror()} {suite} main\n")
        self._folder = folder
        self._options = [
            *("-o", f"Dir::State={folder}", "-o", f"Dir::State::Lists={folder}/lists"),
            *("-o", f"Dir::State::Status={folder}/status", "-o", f"Dir::Cache={folder}/cache"),
            *("-o", f"Dir::Etc::SourceList={folder}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null"),
            *("-o", "Dir::Etc::Preferences=/dev/null", "-o", "Dir::Etc::PreferencesParts=/dev/null"),
            *("-o", "APT::Sandbox::User=root", "-o", "APT::Install-Recommends=false", "-o", "Debug::NoLocking=true"),
            *("-o", "Acquire::Languages=none", "-o", "APT::Update::Error-Mode=any"),
            *("-o", "Acquire::Check-Valid-Until=false"),  # that of the next Debian may be past its date
        ]
        self._apt("apt-get", "update")

    def has(self, package: str) -> bool:
        return f"Package: {package}\n" in self._apt("apt-cache", "search", "--names-only", "--full", f"^{package}$")

    def fetch(self, packages: Iterable[str], alone: Iterable[str] = ()) -> list[Path]:
        """Download packages with all that they depend on, and those in `alone` without: their files."""
        self._apt("apt-get", "--yes", "--download-only", "install", *packages)
        for package in alone:
            self._apt("apt-get", "download", package)
        return sorted(self._folder.glob("cache/archives/*.deb")) + sorted(self._folder.glob("alone/*.deb"))

    def _apt(self, command: str, *arguments: str) -> str:
        try:
            return run(command, *self._options, *arguments, cwd=self._folder / "alone")
        except subprocess.CalledProcessError as error:
            told = re.sub(r"(?m)^[^EW]:?.*\n?", "", error.stderr) or error.stderr
            raise MissingError(f"{command} {arguments[0]} failed:\n{told}") from error


def own_suite() -> str:
    """The suite that this machine was installed from. MissingError: it is no Debian machine."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or "VERSION_CODENAME" not in release:
        raise MissingError(f"packages of Debian are needed, and this is {release.get('PRETTY_NAME', 'something else')}")
    return release["VERSION_CODENAME"]


def mirror() -> str:
    """The address from which this machine's apt gets its own suite."""
    own = own_suite()
    for line in run(*LOOK).splitlines():
        suite, component, address = line.split()
        if (suite, component) == (own, "main"):
            return address
    raise MissingError(f"apt has no source for {own} main")
