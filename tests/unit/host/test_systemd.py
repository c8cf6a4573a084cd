"""What is told to systemd where there is none."""

import socket

import pytest

from prhelper.host.systemd import notify


def test_without_a_service_manager_nothing_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(socket, "socket", refuse)
    assert notify("READY=1")
