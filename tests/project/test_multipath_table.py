"""The table of `python -m tools.multipath`, from measurements of two suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.multipath.table import MARKS, write_tables


def step(what: str, answer: str, state: str, as_promised: bool = True, by_us: bool = True) -> dict[str, Any]:
    return {"what": what, "by_us": by_us, "answer": answer, "state": state, "as_promised": as_promised}


FIRST = [step("REGISTER 0, K", "GOOD", "a=K b=K"), step("c: REGISTER 0, O", "GOOD", "a=K b=K c=O", by_us=False)]
THEIRS = [step("REGISTER 0, K", "0", "a=K b=K"), FIRST[1]]
RELEASE = "RELEASE K, type 5"


def measured(version: str, **sides: list[dict[str, Any]]) -> str:
    lines: list[list[Any]] = [["versions", {"multipath-tools": version, "kernel": "6.1.0-50-amd64"}]]
    lines.append(["window", {"name": "take over", "milliseconds": [1.0, 2.0, 9.0]}])
    for side, last in sides.items():
        begin = FIRST if side == "prhelper" else THEIRS
        lines.append(["observed", {"side": side, "scenario": "one", "steps": [*begin, *last]}])
        lines.append(["observed", {"side": side, "scenario": "two", "steps": [*begin, step("CLEAR K", "0", "x")]}])
    return "".join(json.dumps(line) + "\n" for line in lines)


def tables(folder: Path, **suites: str) -> list[str]:
    measured_in = folder / "measured"
    measured_in.mkdir()
    for name, text in suites.items():
        (measured_in / name).write_text(text)
    document = folder / "document"
    document.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    write_tables(document, measured_in)
    first, *found, last = document.read_text().splitlines()
    assert (first, last) == ("before", "after")
    return found


def test_what_the_library_answers_or_leaves_otherwise_is_bold_and_a_way_told_once(tmp_path: Path) -> None:
    good = step(RELEASE, "GOOD", "a=K b=K")
    found = tables(
        tmp_path,
        new=measured("0.11.1", library=[step(RELEASE, "0", "a=K b=K")]),
        old=measured("0.9.4", prhelper=[good], library=[step(RELEASE, "0", "b=K", as_promised=False)]),
    )
    assert found[2:] == [
        "| milliseconds on the paths | Linux 6.1 | Linux 6.1 |",
        "| --- | --- | --- |",
        "| take over | 2.0 (at most 9.0) | 2.0 (at most 9.0) |",
        "",
        "| step | prhelper, on 0.9.4, Linux 6.1 | library 0.9.4, Linux 6.1 | library 0.11.1, Linux 6.1 |",
        "| --- | --- | --- | --- |",
        "| **one** (from nothing) |  |  |  |",
        "| REGISTER 0, K | GOOD: a=K b=K | 0 | 0 |",
        f"| c: REGISTER 0, O; {RELEASE} | GOOD: a=K b=K | **0: b=K** | 0 |",
        "| **two** (from a=K b=K c=O) |  |  |  |",
        "| CLEAR K | 0: x | 0 | 0 |",
        "",
        MARKS[1],
    ]


def test_what_was_not_run_says_so_and_a_broken_promise_of_ours_is_bold(tmp_path: Path) -> None:
    found = tables(tmp_path, only=measured("0.9.4", prhelper=[step(RELEASE, "CONFLICT", "b=K", as_promised=False)]))
    assert f"| c: REGISTER 0, O; {RELEASE} | **CONFLICT: b=K** | not run |" in found
