"""The files that a release changes, as text."""

import re
from pathlib import Path

from ..debian.changelog import HEADING, ITEM

VERSIONS = {
    Path("prhelper/__init__.py"): r'^__version__ = "(.*)"$',
    Path("packaging/rpm/prhelper.spec"): r"^Version: +(\S+)$",
}
"""Where the version is written, and how."""

CHANGELOG = Path("CHANGELOG.md")


class RefusedError(Exception):
    """There can be no such release; the text says why, and what to do."""


def release(repository: Path, version: str, date: str) -> list[Path]:
    """Change the files for a release. Returns their paths. Raises RefusedError before any is changed."""
    texts = {CHANGELOG: released_changelog((repository / CHANGELOG).read_text(), version, date)}
    texts |= {path: with_version((repository / path).read_text(), form, version) for path, form in VERSIONS.items()}
    for path, text in texts.items():
        (repository / path).write_text(text)
    return list(texts)


def released_changelog(text: str, version: str, date: str) -> str:
    """What was unreleased becomes the section of a version. What stood above its items was of the future, and goes."""
    headings = list(HEADING.finditer(text))
    if not headings or headings[0]["name"] != "Unreleased":
        raise RefusedError(f"{CHANGELOG} has no section Unreleased at its top")
    for heading in headings[1:]:
        if numbers(heading["name"]) >= numbers(version):
            raise RefusedError(f"{version} is not newer than {heading['name']}, which is in {CHANGELOG}")
    end = headings[1].start() if len(headings) > 1 else len(text)
    section = text[headings[0].end() : end]
    if not ITEM.search(section):
        raise RefusedError(f"section Unreleased of {CHANGELOG} is empty: say what users notice")
    items = section[section.index("\n### ") :] if "\n### " in section else section
    return f"{text[: headings[0].end()]}\n\n## [{version}] - {date}\n{items}{text[end:]}"


def with_version(text: str, form: str, version: str) -> str:
    """The text with another version in its place."""
    (found,) = re.finditer(form, text, re.MULTILINE)
    return text[: found.start(1)] + version + text[found.end(1) :]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
