"""From what was measured to tables in Markdown: a row for each step of each scenario, a column for each version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

MARKS = "<!-- measured, by python -m tools.multipath -->", "<!-- end of what was measured -->"

KNOWS = "multipathd's key for paths that return"

RETURNED_FOR = {"GOOD": "0", "CONFLICT": "11", "0b/08/00": "13", "05/24/00": "5", "05/26/04": "5", "": ""}
"""What the library returns for what the unit answers, where it means the same."""

Step = dict[str, Any]


@dataclass
class Measured:
    """What the machine of one suite had to say: steps by side and scenario."""

    versions: dict[str, str] = field(default_factory=dict)
    steps: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    windows: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path) -> Measured:
        found = cls()
        for line in file.read_text().splitlines():
            name, value = json.loads(line)
            if name == "versions":
                found.versions = value
            elif name == "window":
                found.windows[value["name"]] = value["milliseconds"]
            else:
                found.steps[value["side"], value["scenario"]] = value["steps"]
        return found

    @property
    def title(self) -> str:
        linux = ".".join(self.versions["kernel"].split(".")[:2])
        return f"{self.versions['multipath-tools']}, Linux {linux}"

    @property
    def order(self) -> list[int]:
        return [int(part) for part in self.versions["multipath-tools"].split(".")]


def write_tables(document: Path, folder: Path) -> None:
    """Replace the tables in a document by those of all suites that were measured."""
    suites = sorted((Measured.load(file) for file in folder.iterdir()), key=lambda suite: suite.order)
    begin, end = MARKS
    text = document.read_text()
    before, rest = text.split(begin)
    _, after = rest.split(end)
    tables = "\n".join([*windows(suites), "", *comparison(suites)])
    document.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}")


def windows(suites: list[Measured]) -> Iterator[str]:
    """How long the commands on paths of one command of a guest take."""
    yield table_row("milliseconds on the paths", *(f"Linux {suite.title.split('Linux ')[1]}" for suite in suites))
    yield table_row(*["---"] * (len(suites) + 1))
    for name in next((suite.windows for suite in suites if suite.windows), {}):
        yield table_row(name, *(span(suite.windows.get(name)) for suite in suites))


def span(took: list[float] | None) -> str:
    return f"{median(took):.1f} (at most {max(took):.1f})" if took else "not run"


def comparison(suites: list[Measured]) -> Iterator[str]:
    """The scenarios, as far as prhelper's side was measured in one of the suites."""
    promised = next(suite for suite in suites if any(side == "prhelper" for side, _ in suite.steps))
    yield table_row("step", f"prhelper, on {promised.title}", *(f"library {suite.title}" for suite in suites))
    yield table_row(*["---"] * (len(suites) + 2))
    seen: set[tuple[str, ...]] = set()
    for (side, scenario), steps in promised.steps.items():
        if side == "prhelper":
            theirs = [suite.steps.get(("library", scenario)) for suite in suites]
            yield from scenario_rows(scenario, steps, theirs, seen)


def scenario_rows(
    name: str, steps: list[Step], theirs: list[list[Step] | None], seen: set[tuple[str, ...]]
) -> Iterator[str]:
    """A scenario's rows. A step whose way there was in another scenario already, `seen`, is left out."""
    headed, state = False, "nothing"
    leading: list[str] = []
    for number, step in enumerate(steps):
        way = tuple(one["what"] for one in steps[: number + 1])
        if way not in seen:
            seen.add(way)
            if not headed:
                yield table_row(f"**{name}** (from {state})", *[""] * (len(theirs) + 1))
                headed = True
            leading.append(step["what"])
            if step["by_us"]:
                yield table_row("; ".join(leading), ours(step), *(library(step, number, one) for one in theirs))
                leading.clear()
        if step["state"] and step["what"] != KNOWS:
            state = step["state"]
    if leading and (last := steps[-1])["state"]:
        yield table_row("; ".join(leading), ours(last), *(library(last, len(steps) - 1, one) for one in theirs))


def ours(step: Step) -> str:
    told = ": ".join(part for part in (step["answer"], step["state"]) if part)
    return told if step["as_promised"] else f"**{told}**"


def library(ours: Step, number: int, steps: list[Step] | None) -> str:
    """What it returned, and left if that is something else; bold where it differs."""
    if steps is None or number >= len(steps):
        return "not run"
    step = steps[number]
    same = step["as_promised"] and step["answer"] in (RETURNED_FOR.get(ours["answer"]), ours["answer"])
    parts = [step["answer"], "" if step["as_promised"] else step["state"]]
    told = ": ".join(part for part in parts if part) or "same"
    return told if same else f"**{told}**"


def table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
