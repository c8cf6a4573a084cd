"""Whether this process reaches multipathd: asked by a thread, at most once a second, and waited for a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from prhelper.control import reaching
from prhelper.device.multipath.multipathd import Reply

from ...support.helper import wait_until
from .running import Controlled

Told = Callable[[], Any]


class Multipathd:
    """What is asked. reply: None where there is no map."""

    def __init__(self) -> None:
        self.reply: Reply | None = Reply("pid 1 running")
        self.asked = 0
        self.let_go = threading.Event()
        self.let_go.set()

    def __call__(self) -> Reply | None:
        self.asked += 1
        assert self.let_go.wait(20)
        return self.reply


@pytest.fixture
def multipathd() -> Multipathd:
    return Multipathd()


@pytest.fixture
def told(tmp_path: Path, multipathd: Multipathd) -> Iterator[Told]:
    """What GetStatus says of it."""
    with start_blocking_portal() as portal:
        controlled = Controlled(tmp_path, portal, multipathd)
        try:
            with controlled.connect() as peer:
                yield lambda: peer.call("GetStatus")["multipath"]["multipathd"]
        finally:
            multipathd.let_go.set()
            controlled.close()


def test_it_is_told_what_came_of_asking_and_asked_again_only_after_a_while(
    multipathd: Multipathd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told()["trouble"] is None
    multipathd.reply = Reply("", "the reason")
    assert told()["trouble"] is None
    assert multipathd.asked == 1
    monkeypatch.setattr(reaching, "FRESH", 0.0)
    assert told()["trouble"] == "the reason"


def test_without_a_map_nothing_is_told(multipathd: Multipathd, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "FRESH", 0.0)
    assert told() is not None
    multipathd.reply = None
    wait_until(lambda: told() is None)


def test_status_does_not_wait_for_a_multipathd_that_hangs_and_says_later_what_came_of_it(
    multipathd: Multipathd, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "FRESH", 0.0)
    multipathd.let_go.clear()
    assert [told() for _ in range(3)] == [None] * 3
    assert multipathd.asked == 1
    multipathd.let_go.set()
    wait_until(lambda: told() is not None)
