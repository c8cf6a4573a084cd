"""The worker's socket: there, not yet there, there no more."""

import os
import socket
from pathlib import Path

import pytest

from prhelper.device.multipath.worker import Worker
from prhelper.protocol import Origin

ORIGIN = Origin(1, 2, 3, "qemu", "machine.scope")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "multipath.sock"


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def test_worker_is_missed_until_its_socket_has_been_there_once(path: Path) -> None:
    worker = Worker(path, "run prhelper as root")
    link = worker.link(ORIGIN)
    expected = (
        f"run prhelper as root, or start its worker, on {path} (systemctl enable --now prhelper-multipath.socket)"
    )
    assert link.why_not() == worker.why_not() == expected
    listening(path).close()
    assert link.why_not() is None
    path.unlink()
    assert (link.why_not(), worker.link(ORIGIN).why_not()) == (None, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may connect anywhere: run the tests as an ordinary user too")
def test_socket_that_may_not_be_connected_to_is_as_good_as_none(path: Path) -> None:
    with listening(path):
        path.chmod(0)
        assert f"let it connect to its worker, on {path}" in (Worker(path, "").why_not() or "")


def test_worker_is_woken_by_a_connection_without_a_request(path: Path) -> None:
    Worker(path, "").wake()
    with listening(path) as listener:
        Worker(path, "").wake()
        listener.settimeout(10)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b""
