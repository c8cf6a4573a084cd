"""A session of the multipath worker: its client is a daemon, which asks on behalf of clients of its own."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from prhelper.channel import SocketChannel, run
from prhelper.device.execution import Note, Result
from prhelper.device.identity import Target
from prhelper.host.peer import Peer
from prhelper.logs import trace
from prhelper.protocol import ON_BEHALF
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving import audit
from prhelper.serving.clients import Client
from prhelper.serving.end import AtRest, End
from prhelper.serving.seen import Seen
from prhelper.serving.session import serve

from ...support.spc import keys, reserve_in, reserve_out

FEATURE = bytes.fromhex("80000000")
ORIGIN = {"number": 7, "pid": 1234, "uid": 107, "name": "qemu", "account": "machine.scope"}
DAEMON = Peer(4711, 0, "prhelper", "prhelper.service")


class Maps:
    """Devices that say that they are a map, and remember who was in flight."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.unfinished: list[str] = []

    async def execute(self, command: Command, target: Target) -> Result:  # noqa: ARG002
        assert self.client is not None
        self.unfinished.append(self.client.unfinished())
        note = Note("mpatha", "36001", ("2:0:0:0",), ("3:0:0:0",), ("look for it",))
        return Result(Outcome(0x18), 0.1, "it is slow", 5, note=note)


class Daemon:
    """The daemon's end of a session in a thread of its own."""

    def __init__(self) -> None:
        self.socket, ours = socket.socketpair()
        self.socket.settimeout(10)
        self._channel = SocketChannel(ours)
        self.maps = Maps()
        self.client = self.maps.client = Client(1, DAEMON, self._channel, Seen(lambda *_: True))
        self._end: End | AtRest | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        self._end = run(serve(self._channel, self.maps, self.client, 10.0, ON_BEHALF))

    def receive(self, size: int) -> bytes:
        return self.socket.recv(size, socket.MSG_WAITALL)

    def ask(self, cdb: bytes, *rest: bytes) -> bytes:
        """Send a request: the fixed part of the answer."""
        fd = os.open("/dev/null", os.O_RDWR)
        socket.send_fds(self.socket, [cdb], [fd])
        os.close(fd)
        self.socket.sendall(b"".join(rest))
        return self.receive(104)

    def end(self) -> End | AtRest | None:
        """Send no more, and wait for the session to end."""
        self.socket.shutdown(socket.SHUT_WR)
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self._end

    def close(self) -> None:
        self.end()
        self.socket.close()
        self._channel.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.close()


def sized(fields: object) -> bytes:
    data = json.dumps(fields).encode()
    return struct.pack(">I", len(data)) + data


def test_request_is_carried_out_for_the_daemons_client_and_the_answer_has_its_report(daemon: Daemon) -> None:
    assert daemon.receive(4) == FEATURE
    daemon.socket.sendall(FEATURE)
    assert daemon.ask(reserve_out(1, 3), keys(0xA), sized(ORIGIN))[:8] == bytes.fromhex("00000018 00000000")
    (size,) = struct.unpack(">I", daemon.receive(4))
    assert json.loads(daemon.receive(size)) == {
        "map_name": "mpatha",
        "wwid": "36001",
        "used": ["2:0:0:0"],
        "skipped": ["3:0:0:0"],
        "remarks": ["look for it"],
        "trouble": "it is slow",
        "error": 5,
    }
    assert daemon.maps.unfinished[0].startswith('pid 1234 uid 107 "qemu": device 1:3 (null): PERSISTENT RESERVE OUT')
    assert (daemon.client.peer, daemon.client.asker) == (DAEMON, Peer(1234, 107, "qemu", "machine.scope"))


def test_log_tells_of_the_daemons_client_and_counts_its_lines_for_that(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(trace, "client_origin", lambda *arguments: told.append(arguments))
    monkeypatch.setattr(audit, "log_lazily", lambda _, __, line, account, ___: told.append((line.peer, account)))
    daemon.receive(4)
    daemon.socket.sendall(FEATURE)
    daemon.ask(reserve_in(0), sized(ORIGIN))
    daemon.end()
    asker = Peer(1234, 107, "qemu", "machine.scope")
    assert told == [(1, 7, asker), (asker, "machine.scope")]


def test_log_names_the_machine_of_the_daemons_client(daemon: Daemon) -> None:
    daemon.receive(4)
    daemon.socket.sendall(FEATURE)
    daemon.ask(reserve_in(0), sized({**ORIGIN, "account": r"machine.slice/machine-qemu\x2d3\x2dweb1.scope"}))
    daemon.end()
    assert str(daemon.client) == 'pid 1234 uid 107 "qemu", machine "web1"'


def test_client_that_wants_no_feature_is_answered_as_by_any_helper(daemon: Daemon) -> None:
    assert daemon.receive(4) == FEATURE
    daemon.socket.sendall(bytes(4))
    for _ in range(2):
        assert daemon.ask(reserve_in(0))[:8] == bytes.fromhex("00000018 00000000")
    assert daemon.client.asker == DAEMON
    assert daemon.end() is End.HUNG_UP
