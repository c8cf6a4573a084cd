"""Who may have what this process has; what needs other processes is in tests/daemon/restart/test_replace_refused.py."""

import os
from typing import Any

import pytest

from prhelper.host import equals
from prhelper.host.equals import why_not_equal


def test_this_process_is_its_own_equal() -> None:
    assert why_not_equal(os.getpid(), os.geteuid()) is None


@pytest.mark.parametrize(
    ("pid", "uid", "reason"),
    [
        (os.getpid(), os.geteuid() + 1, f"this is uid {os.geteuid() + 1}"),
        (0, os.geteuid(), "cannot see your process"),
    ],
)
def test_others_are_told_why(pid: int, uid: int, reason: str) -> None:
    assert reason in (why_not_equal(pid, uid) or "")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"uids": frozenset({os.geteuid() + 1})}, "has changed its user"),
        ({"uids": frozenset({os.geteuid(), 1 << 20})}, "has changed its user"),
        ({"namespace": "0 1 1"}, "in another user namespace"),
        ({"capabilities": 0}, "it has capabilities that your process lacks"),
        ({"capabilities": (1 << 63) - 1}, ""),
    ],
)
def test_each_right_counts(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], reason: str) -> None:
    class Rights(equals._Rights):
        @classmethod
        def of(cls, process: str) -> equals._Rights:
            found = equals._Rights(frozenset({os.geteuid()}), 1 << 17, "0 0 1")
            return found if process == "self" else found._replace(**changed)

    monkeypatch.setattr(equals, "_Rights", Rights)
    assert reason in (why_not_equal(1, os.geteuid()) or "")
