"""Which roots of packages are kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

from . import root


def test_root_that_no_run_has_used_for_a_day_is_removed_and_no_other(tmp_path: Path) -> None:
    for name, age in {"trixie-1": 2 * root.DAY, "trixie-2": root.DAY / 2, "forky-1": 2 * root.DAY}.items():
        (tmp_path / name).mkdir()
        booted = tmp_path / name / "initramfs"
        booted.touch()
        os.utime(booted, (time.time() - age,) * 2)
    (tmp_path / "new-of-somebody").mkdir()
    (tmp_path / "trixie.lock").touch()
    root.remove_unused(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-of-somebody", "trixie-2", "trixie.lock"]
