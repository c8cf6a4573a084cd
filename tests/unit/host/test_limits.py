"""How many threads this process may have."""

import os
import resource
from pathlib import Path

import pytest

from prhelper.host import limits

NO_LIMIT = resource.RLIM_INFINITY


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The process is in a.slice/b.scope."""
    (tmp_path / "self").write_text("1:name=systemd:/x\n0::/a.slice/b.scope\n")
    (tmp_path / "fs/a.slice/b.scope").mkdir(parents=True)
    monkeypatch.setattr(limits, "_CGROUP", tmp_path / "self")
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "fs")
    return tmp_path / "fs"


@pytest.mark.parametrize(
    ("of_slice", "of_scope", "of_user", "uid", "expected"),
    [
        ("max", "max", NO_LIMIT, 107, None),
        ("max", "100", NO_LIMIT, 107, 100),
        ("50", "100", NO_LIMIT, 107, 50),
        ("50", "max", 40, 107, 40),
        ("50", "max", 40, 0, 50),
        ("max", "max", 40, 107, 40),
    ],
)
def test_the_tightest_limit_counts_and_root_has_none_of_its_own(
    cgroups: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_slice: str,
    of_scope: str,
    of_user: int,
    uid: int,
    expected: int | None,
) -> None:
    (cgroups / "a.slice/pids.max").write_text(f"{of_slice}\n")
    (cgroups / "a.slice/b.scope/pids.max").write_text(f"{of_scope}\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (of_user, of_user))
    monkeypatch.setattr(os, "getuid", lambda: uid)
    assert limits.task_limit() == expected


def test_where_no_cgroup_can_be_seen_only_the_users_limit_counts(
    cgroups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_CGROUP", cgroups / "nothing")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (NO_LIMIT, NO_LIMIT))
    assert limits.task_limit() is None
