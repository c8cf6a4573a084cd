"""The daemon's half of going into the background."""

import errno
import os

import pytest

from prhelper.host.background import go_into_background


def test_telling_that_it_is_ready_needs_no_further_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then an error would surface in the main loop, where it is no start that failed."""

    def too_many(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    replaced: list[int] = []
    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr(os, "chdir", lambda _: None)
    background = go_into_background()
    monkeypatch.setattr(os, "open", too_many)
    monkeypatch.setattr(os, "dup2", lambda _, standard: replaced.append(standard))
    background.tell_ready()
    assert replaced == [0, 1, 2]
