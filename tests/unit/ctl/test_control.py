"""Calls to the control socket: answers, errors of the daemon, and daemons that are none."""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl import control as module
from prhelper.ctl.cli import main
from prhelper.ctl.control import Control, ControlError, devices_seen
from prhelper.ctl.exits import Exit, ToolError

from .daemon import Daemon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control"


def test_answer_is_the_parameters_and_a_connection_serves_many_calls(path: Path) -> None:
    answers: dict[str, list[Any]] = {"GetStatus": [{"parameters": {"pid": 1}}], "GetClients": [{}]}
    with Daemon(path, answers) as daemon, Control(path) as control:
        assert control.call("GetStatus") == {"pid": 1}
        assert control.call("GetClients", some="thing") == {}
        assert daemon.calls[1] == {"method": "io.prhelper.Control.GetClients", "parameters": {"some": "thing"}}


def test_answers_that_arrive_together_or_in_pieces_are_told_apart(path: Path) -> None:
    stream = [b'{"continues": true, "para', b'meters": {"n": 1}}\0{"continues": true}\0{"parameters": {"n": 3}}\0']
    with Daemon(path, {"Watch": stream}) as daemon, Control(path) as control:
        assert list(control.stream("Watch")) == [{"n": 1}, {}, {"n": 3}]
        assert daemon.calls[0]["more"] is True


def test_error_of_the_daemon_has_its_name_and_what_it_says(path: Path) -> None:
    error = {"error": "io.prhelper.Control.NoSuchTraceEvent", "parameters": {"pattern": "x*"}}
    with Daemon(path, {"Set": [error]}), Control(path) as control:
        with pytest.raises(ControlError, match=r"NoSuchTraceEvent \(pattern x\*\)") as raised:
            control.call("Set")
        assert (raised.value.name, raised.value.parameters) == ("NoSuchTraceEvent", {"pattern": "x*"})


RUBBISH = (
    *(b"rubbish\0", b"[1]\0", b"\xff\0", b"[" * 100_000 + b"\0"),
    *(b'{"parameters": [1]}\0', b'{"error": 5, "parameters": [1]}\0'),
)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        *((rubbish, "its answer is no message") for rubbish in RUBBISH),
        *((cut_off, "it hung up") for cut_off in (None, b"half")),
    ],
)
def test_rubbish_and_a_daemon_that_hangs_up_are_one_kind_of_trouble(path: Path, answer: bytes | None, why: str) -> None:
    with Daemon(path, {"Get": [answer, None]}), Control(path) as control:
        with pytest.raises(ToolError, match=f"the daemon at .*: {why}") as raised:
            control.call("Get")
        assert raised.value.status == Exit.UNREACHABLE


def test_answer_without_end_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_MESSAGE", 10)
    with (
        Daemon(path, {"Get": [b"x" * 20]}),
        Control(path) as control,
        pytest.raises(ToolError, match="longer than 10 bytes"),
    ):
        control.call("Get")


def test_daemon_that_has_hung_up_or_does_not_read_is_told_of_by_the_systems_words(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Control(path, patience=0.05) as control, pytest.raises(ToolError, match=r"the daemon at .*: timed out"):
            control.call("Get", much="x" * 10_000_000)
        with Control(path) as control:
            for _ in range(2):
                listener.accept()[0].close()
            with pytest.raises(ToolError, match=r"the daemon at .*: Broken pipe"):
                control.call("Get")


def test_error_that_says_no_more_is_told_by_its_name_alone(path: Path) -> None:
    error = {"error": "io.prhelper.Control.TooSlow"}
    with Daemon(path, {"Get": [error]}), Control(path) as control, pytest.raises(ControlError, match=r"TooSlow$"):
        control.call("Get")


def test_path_that_is_too_long_is_said_to_be() -> None:
    with pytest.raises(ToolError, match=r"no control socket at .*: AF_UNIX path too long"):
        Control(Path("/" + "x" * 200))


def test_daemon_that_does_not_answer_is_not_waited_for_for_ever(path: Path) -> None:
    with (
        Daemon(path, {"Get": []}),
        Control(path, patience=0.05) as control,
        pytest.raises(ToolError, match="not answer"),
    ):
        control.call("Get")


@pytest.mark.parametrize("answer", [{}, {"parameters": {}}, {"parameters": {"log": {"waiting": 1}}}])
def test_daemon_of_another_version_is_said_to_be_one_by_what_it_does_not_tell(
    path: Path, answer: dict[str, Any]
) -> None:
    with Daemon(path, {"Get": [answer]}), Control(path) as control:
        status = control.call("Get")
        with pytest.raises(ToolError, match=r"does not say '(log|level)': it is of another version") as raised:
            _ = status["log"]["level"]
        assert raised.value.status == Exit.UNREACHABLE


@pytest.mark.parametrize("command", ["status", "clients", "disks", "log-level", "trace"])
def test_every_subcommand_says_so(path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    methods = ("GetStatus", "GetClients", "GetDevices", "SetTraceEvents")
    with Daemon(path, {method: [{"parameters": {}}] for method in methods}):
        assert main([command, "-c", str(path)]) == Exit.UNREACHABLE
    assert "it is of another version" in capsys.readouterr().err


def test_user_whom_the_control_socket_is_closed_to_is_told_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(ToolError, match="Permission denied: it answers root and prhelper's own user"):
        Control(path)


def test_without_a_daemon_there_are_no_devices(path: Path) -> None:
    assert devices_seen(path) is None
    with pytest.raises(ToolError, match=r"no control socket at .*: No such file"):
        Control(path)


def test_answer_of_which_a_byte_comes_now_and_then_is_given_up(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        with Control(path, patience=0.3) as control, pytest.raises(ToolError, match="does not answer"):
            control.call("Get")
        thread.join()


def drip(listener: socket.socket) -> None:
    with listener.accept()[0] as connection, contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)


def test_devices_that_are_no_list_are_none(path: Path) -> None:
    with Daemon(path, {"GetDevices": [{"parameters": {"devices": 5}}]}):
        assert devices_seen(path) is None
