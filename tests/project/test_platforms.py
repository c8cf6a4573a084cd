"""What tools/platforms.py does outside the root of another Debian."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import platforms


def test_release_file_past_its_date_is_named_and_others_are_not(tmp_path: Path) -> None:
    lists = tmp_path / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    dates = {"forky": "Sat, 03 Jan 2026 08:13:55 UTC", "sid": "Thu, 01 Jan 2099 00:00:00 UTC", "trixie": None}
    for suite, until in dates.items():
        date = f"Valid-Until: {until}\n" if until else ""
        (lists / f"{suite}_InRelease").write_text(f"Suite: {suite}\nDate: Sat, 27 Dec 2025 08:13:55 UTC\n{date}")
    assert platforms.expired(tmp_path) == [
        "forky_InRelease was valid until Sat, 03 Jan 2026 08:13:55 UTC; going on with it"
    ]


def test_copy_of_the_project_is_what_it_is_now_and_keeps_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for path in ("prhelper/new.py", "prhelper/__pycache__/new.pyc", ".venv/ours", ".git/config"):
        write(here / path)
    for path in ("prhelper/removed.py", "tests/removed/test.py", ".venv/theirs", ".cache/kernel/6.12", "removed"):
        write(there / path)
    monkeypatch.setattr(platforms, "REPOSITORY", here)
    platforms.copy_project(there)
    files = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    assert files == {"prhelper/new.py", ".venv/theirs", ".cache/kernel/6.12"}


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
