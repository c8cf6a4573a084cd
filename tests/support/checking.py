"""`prhelperctl check` run by a test: what it finds, by code, after what it prints was held against the page."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prhelper.ctl.cli import main

from .varlink_types import Types

PAGE = Path(__file__).parents[2] / "docs" / "prhelperctl.md"
WORST = {None: 0, "warning": 1, "error": 2}


class Found(NamedTuple):
    """findings: as printed."""

    findings: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        """In that order."""
        return [each["code"] for each in self.findings]

    def one(self, code: str) -> dict[str, Any]:
        (found,) = (each for each in self.findings if each["code"] == code)
        return found


def check(*arguments: str | Path) -> Found:
    """Run it twice, for programs and for people, who must be told the same."""
    status, out = _printed("--json", *arguments)
    report = json.loads(out)
    Types.of_page(PAGE).check(report, "Checked")
    assert status == WORST[report["worst"]]
    found = Found(report["findings"])
    status_for_people, out = _printed(*arguments)
    assert (status_for_people, list(_codes_in(out))) == (status, found.codes), (report["findings"], out)
    return found


def _printed(*arguments: str | Path) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return main(["check", *map(str, arguments)]), out.getvalue()


def _codes_in(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(("error: ", "warning: ")):
            yield line.rpartition("[")[2].removesuffix("]")
