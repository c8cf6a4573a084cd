"""debian/changelog from CHANGELOG.md: an entry for each release, and before that one for what is unreleased."""

import datetime
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

HEADING = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)
ITEM = re.compile(r"^- (.*(?:\n  .*)*)", re.MULTILINE)
MAINTAINER = re.compile(r"^Maintainer: (.*)$", re.MULTILINE)
CONTROL = Path(__file__).parents[2] / "packaging" / "debian" / "control"
WIDTH = 79


class Entry(NamedTuple):
    """What changed with a version of ours. date: in seconds since 1970."""

    version: str
    date: int
    changes: list[str]


def entries(text: str, version: str, date: int) -> Iterator[Entry]:
    """The entries of a CHANGELOG.md, the newest first.

    What is unreleased becomes `version`, of `date`; a heading without changes is passed over.
    """
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        changes = [" ".join(item.split()) for item in ITEM.findall(text[heading.end() : end])]
        if not changes:
            continue
        if heading["date"] is None:
            yield Entry(version, date, changes)
        else:
            day = datetime.datetime.fromisoformat(f"{heading['date']}T00:00+00:00")
            yield Entry(heading["name"], int(day.timestamp()), changes)


def formatted(history: Iterable[Entry], revision: str) -> str:
    """The text of debian/changelog; `revision` is what Debian adds to the version of the newest entry."""
    found = MAINTAINER.search(CONTROL.read_text())
    assert found is not None
    parts = []
    for entry in history:
        parts.append(f"prhelper ({entry.version}{revision}) unstable; urgency=medium\n")
        parts.extend(
            textwrap.fill(change, WIDTH, initial_indent="  * ", subsequent_indent="    ") for change in entry.changes
        )
        when = datetime.datetime.fromtimestamp(entry.date, datetime.UTC)
        parts.append(f"\n -- {found[1]}  {when:%a, %d %b %Y %H:%M:%S +0000}\n")
        revision = "-1"
    return "\n".join(parts)
