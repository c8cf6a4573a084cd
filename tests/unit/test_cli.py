"""The command line: what is understood, and how it is refused."""

import json
import os
import stat
from pathlib import Path

import pytest

from prhelper import __version__, cli
from prhelper.cli import _build_parser, _parse, main
from prhelper.device.emulated.initiators import RULES
from prhelper.device.execution import Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.logs import trace
from prhelper.options import Options
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving.ended import Ended

from ..support.spc import keys, reserve_out

UNDERSTOOD = {
    "libvirt": (["-k", "/run/vm/pr-helper0.sock"], {"socket": Path("/run/vm/pr-helper0.sock")}),
    "every short option": (
        ["-d", "-f", "/p", "-k", "/s", "-T", "prh_*", "-u", "nobody", "-g", "kvm", "-v"],
        {
            "daemon": True,
            "pidfile": Path("/p"),
            "socket": Path("/s"),
            "trace": ("prh_*",),
            "user": "nobody",
            "group": "kvm",
            "verbosity": 1,
        },
    ),
    "every long option": (
        ["--daemon", "--pidfile=/p", "--socket=/s", "--trace=x", "--user=nobody", "--group=kvm", "--quiet"],
        {
            "daemon": True,
            "pidfile": Path("/p"),
            "socket": Path("/s"),
            "trace": ("x",),
            "user": "nobody",
            "group": "kvm",
            "verbosity": -1,
        },
    ),
    "abbreviated and bundled": (
        ["-dvv", "--group", "kvm", "--pid", "/p"],
        {"daemon": True, "verbosity": 2, "group": "kvm", "pidfile": Path("/p")},
    ),
    "our own": (
        ["--timeout=5", "--request-timeout=2.5", "--stop-timeout=1", "--max-clients=3", "--socket-mode=660"],
        {"timeout": 5.0, "request_timeout": 2.5, "stop_timeout": 1.0, "max_clients": 3, "socket_mode": 0o660},
    ),
    "a control socket": (["--control=/run/vm/control"], {"control": Path("/run/vm/control")}),
    "a daemon with a multipath worker": (["--multipath-socket=/w"], {"multipath_socket": Path("/w")}),
    "the multipath worker": (
        ["--multipath-worker", "-k", "/w"],
        {"multipath_worker": True, "multipath": "on", "socket": Path("/w")},
    ),
    "emulation, of what has no reservations": (["--emulate", "-k", "/s"], {"emulate": "missing", "socket": Path("/s")}),
    "emulation of everything": (
        ["--emulate=all", "--emulate-nexus=uid", "--state-directory=/state"],
        {"emulate": "all", "emulate_nexus": "uid", "state_directory": Path("/state")},
    ),
}

REFUSED = {
    "relative socket": (["-k", "pr.sock"], "socket path must be absolute"),
    "socket path too long": (["-k", "/" + "x" * 107], "longer than the 107 bytes"),
    "unknown option": (["--bogus"], "unrecognized arguments: --bogus"),
    "file name": (["extra"], "unrecognized arguments: extra"),
    "missing value": (["-k"], "expected one argument"),
    "timeout of 0": (["--timeout", "0"], "'0' is not a number of seconds"),
    "timeout that is none": (["--timeout", "nan"], "'nan' is not a number of seconds"),
    "no clients": (["--max-clients", "0"], "'0' is not a number above 0"),
    "mode that is none": (["--socket-mode", "rw"], "'rw' is not an octal mode"),
    "unknown kind of emulation": (["--emulate=some"], "invalid choice: 'some'"),
    "unknown rule": (["--emulate-nexus=pid"], "invalid choice: 'pid'"),
    "relative control socket": (["--control", "control"], "socket path must be absolute"),
    "relative socket of the worker": (["--multipath-socket", "w.sock"], "socket path must be absolute"),
    "worker as another user": (["--multipath-worker", "-u", "nobody"], "cannot be used with --user"),
    "worker of another group": (["--multipath-worker", "-g", "kvm"], "cannot be used with --group"),
    "worker without multipath": (["--multipath-worker", "--multipath=off"], "cannot be used with --multipath=off"),
    "worker that emulates": (["--multipath-worker", "--emulate"], "cannot be used with --emulate"),
    "unknown sink": (["--log", "printer"], "invalid choice: 'printer'"),
}


@pytest.mark.parametrize(("arguments", "changed"), UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_options_are_understood(arguments: list[str], changed: dict[str, object]) -> None:
    expected = {name: getattr(Options(), name) for name in Options._fields} | changed
    options = _parse(_build_parser(), arguments)
    assert {name: getattr(options, name) for name in Options._fields} == expected


@pytest.mark.parametrize(("arguments", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_options_are_refused_with_status_1_and_say_why(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    message = capsys.readouterr().err
    assert text in message
    assert "--help" in message


def test_options_are_parsed_without_a_side_effect(tmp_path: Path) -> None:
    events = [event for event in trace.EVENTS if event.enabled]
    named = [f"--{name}={tmp_path}/{name}" for name in ("socket", "pidfile", "state-directory")]
    _parse(_build_parser(), [*named, f"--trace=prh_*,file={tmp_path}/trace"])
    assert list(tmp_path.iterdir()) == []
    assert [event for event in trace.EVENTS if event.enabled] == events


@pytest.mark.parametrize("option", ["-h", "--help", "-V", "--version"])
def test_help_and_version_are_printed(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([option])
    assert exit_.value.code == 0
    assert "prhelper" in capsys.readouterr().out


def test_help_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_for_initiators_is_understood(rule: str) -> None:
    assert _parse(_build_parser(), [f"--emulate-nexus={rule}"]).emulate_nexus == rule


def test_trace_help_lists_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["-T", "help"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.split() == [event.name for event in trace.EVENTS]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--print-capabilities"],
        ["--bogus", "-k", "relative", "--print-capabilities", "--bogus"],
        ["--version", "--print-capabilities", "--version"],
        ["-k", "--print-capabilities"],
        ["-d", "--print-cap"],
    ],
)
def test_capabilities_are_printed_whatever_else_is_asked_for(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "type": "prhelper",
        "version": __version__,
        "features": ["control", "emulate", "multipath", "multipath-worker", "replace"],
    }


MAN_PAGE = (Path(cli.__file__).parents[1] / "man/prhelper.8").read_text()


def test_every_option_is_in_the_man_page() -> None:
    for action in _build_parser()._actions:
        for option in action.option_strings:
            assert f"Fl {option[1:]}" in MAN_PAGE, option


def test_every_field_of_a_reservation_is_in_the_man_page() -> None:
    command = Command(reserve_out(1, 3), keys(0xABC))
    disk = DeviceId(stat.S_IFBLK, os.makedev(8, 0))
    result = Result(Outcome(Status.GOOD))
    _, fields = Ended(0.0, 1, Peer(1, 2, "qemu"), MachineName("web1"), disk, command, result).words()
    for name in fields:
        assert f"PRHELPER_{name.upper()}" in MAN_PAGE, name
