"""What a start with --replace says of the process that it has asked."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from prhelper.host.errors import StartError
from prhelper.replacing import asking


def test_one_that_does_not_answer_is_stuck_or_out_of_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_PATIENCE", 0.1)
    path = tmp_path / "helper.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        with pytest.raises(StartError, match="does not answer: it is stuck, or has no descriptor to spare"):
            asking.ask(path, "helper", emulates=False)
