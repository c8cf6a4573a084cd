"""What a QEMU's monitor says of pr-managers, by a socket that speaks as one does."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prhelper.ctl.check import qmp
from prhelper.ctl.check.machine import look
from prhelper.ctl.check.qmp import connected_managers
from prhelper.ctl.hosts_machines import Machine
from prhelper.ctl.qemu import CommandLine, GuestDisk

GREETING = {"QMP": {"version": "11.0"}}
CAPABILITIES = {"id": "qmp_capabilities", "return": None}
EVENT = {"event": "RESUME"}
MANAGERS = {"id": "query-pr-managers", "return": [{"id": "pr0", "connected": False}, {"id": "pr1", "connected": True}]}


@contextmanager
def monitor(path: Path, *lines: object) -> Iterator[Machine]:
    """A machine with a monitor that says these lines, whatever it is asked, to one client."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):  # it has heard enough
                for line in lines:
                    connection.sendall((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield Machine(1, 0, "db1", CommandLine({"pr0": "/run/pr0", "pr1": "/run/pr1"}, (), (str(path),)))
        thread.join()


def test_manager_without_a_connection_is_found_though_events_come_between(tmp_path: Path) -> None:
    with monitor(tmp_path / "qmp", GREETING, EVENT, CAPABILITIES, EVENT, MANAGERS) as machine:
        disks = [GuestDisk("scsi-block", "hd", "/dev/sdx", "pr0"), GuestDisk("scsi-block", "hd", "/dev/sdy", "pr1")]
        (finding,) = look(machine, disks)
    assert finding.cause.code == "pr-manager-disconnected"
    assert finding.seen == "query-pr-managers: pr0 (/run/pr0) is not connected"


@pytest.mark.parametrize(
    "lines",
    [
        ("rubbish",),
        ({"no": "greeting"},),
        ({"no": "greeting"}, CAPABILITIES, MANAGERS),
        (GREETING, CAPABILITIES, {"id": "query-pr-managers", "error": {}}),
        (GREETING, CAPABILITIES, {"id": "query-pr-managers", "return": [{}]}),
        (GREETING, CAPABILITIES, {"id": "query-pr-managers", "return": ["pr0"]}),
        (GREETING, CAPABILITIES, {"id": "query-pr-managers", "return": None}),
        (GREETING, []),
        (GREETING, "[" * 100_000),
        (5,),
        (GREETING, *["{}" * 1000] * 1000),
    ],
)
def test_what_is_no_monitor_or_knows_no_pr_managers_says_nothing(tmp_path: Path, lines: tuple[object, ...]) -> None:
    with monitor(tmp_path / "qmp", *lines) as machine:
        assert connected_managers(machine) == {}


def test_monitor_that_is_gone_says_nothing(tmp_path: Path) -> None:
    assert connected_managers(Machine(1, 0, None, CommandLine({}, (), (str(tmp_path / "none"),)))) == {}


def test_monitor_that_says_a_byte_now_and_then_is_not_listened_to_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "_PATIENCE", 0.3)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "qmp"))
        listener.listen()
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        assert connected_managers(Machine(1, 0, None, CommandLine({}, (), (str(tmp_path / "qmp"),)))) == {}
        thread.join()


def test_monitor_that_hangs_up_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmp, "_PATIENCE", 3600.0)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "qmp"))
        listener.listen()
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        assert connected_managers(Machine(1, 0, None, CommandLine({}, (), (str(tmp_path / "qmp"),)))) == {}
        thread.join()


def test_monitor_that_has_too_many_events_to_tell_is_not_heard_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "_MAX_BYTES", 1000)
    monkeypatch.setattr(qmp, "_CHUNK", 100)
    with monitor(tmp_path / "qmp", GREETING, CAPABILITIES, *[EVENT] * 100, MANAGERS) as machine:
        assert connected_managers(machine) == {}


def drip(listener: socket.socket) -> None:
    with listener.accept()[0] as connection, contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)
