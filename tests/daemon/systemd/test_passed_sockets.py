"""What systemd may pass: one listening Unix stream socket, and nothing else."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import Helper
from .service import started


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "helper.sock"))
        listener.listen()
        yield listener


@pytest.mark.parametrize("blocking", [True, False])
def test_a_listening_socket_is_served_in_either_mode(
    command: Sequence[str], listener: socket.socket, blocking: bool
) -> None:
    listener.setblocking(blocking)
    with started(command, [listener.fileno()]) as process:
        with Client(listener.getsockname()):
            process.terminate()
        assert process.wait(20) == 0


def test_a_client_that_came_before_the_helper_is_served(command: Sequence[str], listener: socket.socket) -> None:
    with Client(listener.getsockname(), negotiate=False) as client, started(command, [listener.fileno()]):
        assert client.receive(4) == bytes(4)


def tcp_listener() -> socket.socket:
    sock = socket.socket(socket.AF_INET)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def unix_of_kind(kind: socket.SocketKind) -> Callable[[], socket.socket]:
    def make() -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind("")  # the kernel finds a name
        if kind is not socket.SOCK_DGRAM:
            sock.listen()
        return sock

    return make


def not_listening() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


REFUSED = {
    "TCP": tcp_listener,
    "datagrams": unix_of_kind(socket.SOCK_DGRAM),
    "packets": unix_of_kind(socket.SOCK_SEQPACKET),
    "not listening": not_listening,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_socket_of_another_kind_is_refused(command: Sequence[str], name: str) -> None:
    with REFUSED[name]() as sock, started(command, [sock.fileno()]) as process:
        _, output = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "that is no listening Unix stream socket: use ListenStream=/PATH with Accept=no" in output
        assert "Traceback" not in output


def test_what_is_no_socket_is_refused(command: Sequence[str]) -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        with started(command, [fd]) as process:
            _, output = process.communicate(timeout=20)
    finally:
        os.close(fd)
    assert process.returncode == 1
    assert "use ListenStream= in the .socket unit" in output
    assert "Traceback" not in output


def test_sockets_that_were_meant_for_another_process_are_left_alone(tmp_path: Path, command: Sequence[str]) -> None:
    with Helper(tmp_path, command, env={"LISTEN_PID": "1", "LISTEN_FDS": "1"}) as helper, Client(helper.socket):
        assert helper.stop() == 0
