"""What systemd says of units, by a systemctl that is a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.check import serving, units


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What it says of any unit."""
    said = tmp_path / "said"
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done < {said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    units.properties_of.cache_clear()
    yield said
    units.properties_of.cache_clear()


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("LoadState=loaded\nActiveState=inactive\nResult=success\n", "inactive"),
        ("LoadState=loaded\nActiveState=failed\nResult=exit-code\n", "failed (exit-code)"),
        ("LoadState=masked\nActiveState=inactive\n", "masked"),
        ("LoadState=not-found\nActiveState=inactive\n", ""),
        ("", ""),
    ],
)
def test_state_is_in_a_word_or_two(said: Path, text: str, state: str) -> None:
    said.write_text(text)
    assert units.state_of("prhelper.socket") == state


def test_unit_that_is_masked_is_to_be_unmasked_before_anything_else(said: Path, tmp_path: Path) -> None:
    said.write_text("LoadState=masked\nActiveState=inactive\n")
    (finding,) = serving.look(tmp_path / "none", "none", is_default=True)
    assert finding.seen.endswith("; prhelper.socket is masked")
    assert finding.remedy.startswith("systemctl unmask prhelper.socket")
