"""What every package must have: packaging/files, and all modules. One list for all, so that no package forgets one."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

from tools.install import MODULES, REPOSITORY, entries


def expected(kind: str) -> dict[str, bytes]:
    """The files of this kind of package, by path, but for its own documentation and what it bundles."""
    modules = (path for path in REPOSITORY.glob("prhelper/**/*") if path.is_file() and "__pycache__" not in path.parts)
    places = {Path("/", MODULES, path.relative_to(REPOSITORY)): path for path in modules}
    places |= {Path("/", entry.target): REPOSITORY / entry.source for entry in entries(kind)}
    return {str(place): path.read_bytes() for place, path in places.items()}


def check(kind: str, installed: Mapping[str, bytes], also: tuple[str, ...]) -> None:
    """Compare the files of a package, by path, with the list. `also` begins the paths that it may have besides."""
    plain = dict(uncompressed(path, content) for path, content in installed.items())
    wanted = expected(kind)
    assert sorted(wanted.keys() - plain.keys()) == []
    assert [path for path, content in wanted.items() if plain[path] != content] == []
    assert sorted(path for path in plain.keys() - wanted.keys() if not path.startswith(also)) == []


def uncompressed(path: str, content: bytes) -> tuple[str, bytes]:
    """A file without what distributions make of it: they compress manuals, and Debian 12 has units in /lib."""
    usual = f"/usr{path}" if path.startswith("/lib/") else path
    return (usual.removesuffix(".gz"), gzip.decompress(content)) if usual.endswith(".gz") else (usual, content)
