"""Restarts from another version: one that knows of no handover, and one whose format is newer."""

from __future__ import annotations

import json
import socket
import sys

from ...support.client import Client
from .conftest import Bench

WITHOUT_HANDOVER = """\
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
notifying = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifying.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
listening = socket.socket(fileno=3)
listening.setblocking(True)
connections = []
while True:
    connection, _ = listening.accept()
    connection.sendall(bytes(4))
    connections.append(connection)
"""
"""A helper that leaves its clients to no one, nor anything in the store: hardly more of it is needed here."""

NEWER = 2


def leave(bench: Bench, message: dict[str, object], fd: int) -> None:
    """Have the service manager keep a mailbox with a message, as of a process that has ended."""
    giving, taking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with giving:
        socket.send_fds(giving, [json.dumps(message).encode()], [fd])
    bench.unit.manager.kept.append(("handed-over-1-0", taking.detach()))


def test_version_that_hands_nothing_over_is_succeeded_without_an_error(bench: Bench) -> None:
    bench.unit.start(command=[sys.executable, "-c", WITHOUT_HANDOVER])
    client = bench.connect()
    bench.unit.restart()
    assert client.hung_up()
    bench.check_served(bench.connect())
    assert bench.unit.output() == ""


def test_what_a_newer_version_has_left_is_refused_by_name_and_its_clients_hung_up_on(bench: Bench) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        leave(bench, {"prhelper_handover": NEWER, "whatever": []}, theirs.fileno())
    bench.unit.start()
    with ours:
        assert ours.recv(1) == b""
    bench.unit.wait_for_log(f"it is in version {NEWER} of the format, and this prhelper knows 1")
    assert "connections cannot be taken over, and are hung up on" in bench.unit.output()
    with Client(bench.unit.path) as client:
        bench.check_served(client)
    assert bench.unit.manager.kept == []
