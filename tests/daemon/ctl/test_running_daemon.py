"""What is asked of a running daemon, on its control socket; JSON is held against the interface's description."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl import wording

from ...support.client import Client
from ...support.helper import Helper
from ...support.varlink_types import Types
from .conftest import Run, by_another_process, parsed

DESCRIPTION = Path(__file__).parents[3] / "prhelper/control/io.prhelper.Control.varlink"


@pytest.fixture
def interface() -> Types:
    return Types(DESCRIPTION.read_text())


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def helper(tmp_path: Path, stack: ExitStack, control: Path) -> Helper:
    options = ["--emulate=all", f"--state-directory={tmp_path / 'state'}", f"--control={control}"]
    return stack.enter_context(Helper(tmp_path, options=options))


@pytest.fixture
def to(helper: Helper, control: Path) -> list[str]:  # noqa: ARG001
    return ["-c", str(control)]


@pytest.fixture
def on(helper: Helper, control: Path) -> list[str]:
    """With a device as the disk, since the daemon remembers devices only."""
    return ["-k", str(helper.socket), "-c", str(control), "/dev/null"]


def test_status_is_what_the_daemon_says(ctl: Run, to: list[str], helper: Helper, interface: Types) -> None:
    status = parsed(ctl("status", "--json", *to), "GetStatus", interface)
    assert (status["pid"], status["emulate"], status["socket"]) == (helper.pid, "all", str(helper.socket))
    shown = ctl("status", *to).out
    assert f"pid {helper.pid}" in shown
    assert "FENCES NO DATA" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_clients_and_disks_are_listed_with_who_is_registered(
    ctl: Run, to: list[str], on: list[str], interface: Types
) -> None:
    assert ctl("clients", *to).out == "no clients\n"
    assert ctl("disks", *to).out == "no devices\n"
    assert ctl("register", "-S", "a1", *on).status == 0
    assert ctl("reserve", "-K", "b2", "-T", "5", *on).status == 24
    (seen,) = parsed(ctl("disks", "--json", *to), "GetDevices", interface)["devices"]
    assert (seen["outcomes"]["GOOD"], seen["outcomes"]["RESERVATION CONFLICT"]) == (1, 1)
    shown = ctl("disks", *to).out.splitlines()
    assert shown[0].split() == ["DISK", "NUMBER", "COMMANDS", "FAILED", "SLOWEST", "LAST", "REGISTERED"]
    assert "0xa1" in shown[1]
    assert max(map(len, shown)) <= 80


def test_client_that_waits_for_nothing_is_listed_with_nothing_in_flight(
    ctl: Run, to: list[str], helper: Helper, interface: Types
) -> None:
    with Client(helper.socket):
        (told,) = parsed(ctl("clients", "--json", *to), "GetClients", interface)["clients"]
        heads, row = ctl("clients", *to).out.splitlines()
    assert told["process"]["pid"] == os.getpid()
    assert heads.split() == ["PID", "UID", "SINCE", "COMMANDS", "IN", "FLIGHT", "WHO"]
    assert row.split()[:2] == [str(os.getpid()), str(os.getuid())]
    assert "0 -" in " ".join(row.split())


def test_show_says_which_of_this_host_has_registered_and_what_it_does_not_know(ctl: Run, on: list[str]) -> None:
    assert ctl("register", "-S", "a1", "-X", "sas,5000c50012345678", *on).status == 0
    assert ctl("register", "-K", "a1", "-S", "b2", *on).status == 0
    entries = {each["key"]: each for each in parsed(ctl("show", "--json", *on), "Shown")["registrations"]}
    assert (entries["0xa1"]["whose"], entries["0xa1"]["by"]) == ("unknown", [])
    assert entries["0xb2"]["whose"] == "ours"
    assert f"(pid {os.getpid()}, gone)" in entries["0xb2"]["by"][0]
    assert "this host: " in ctl("show", *on).out


def test_change_is_refused_while_another_process_that_is_registered_is_connected(
    ctl: Run, on: list[str], helper: Helper
) -> None:
    program = (
        "import sys; from tests.support.client import Client; from tests.support.spc import keys, reserve_out\n"
        f"client = Client({str(helper.socket)!r}); disk = open('/dev/null', 'r+b')\n"
        "print(client.command(disk.fileno(), reserve_out(0), keys(0, 0xA1)).status, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "0\n"
        refused = ctl("register", "-S", "b2", *on)
        assert refused.status == 77
        assert f"(pid {other.pid}) is registered on it" in refused.err
        assert ctl("register", "-S", "b2", "--force", *on).status == 0


@pytest.fixture
def watching(control: Path, helper: Helper) -> Iterator[subprocess.Popen[str]]:  # noqa: ARG001
    program = (
        "import signal, sys; from prhelper.ctl.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "watch", "--json", "-n", "2", "-c", str(control)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_watch_follows_changes_and_ends_after_as_many_as_were_asked_for(
    ctl: Run, on: list[str], watching: subprocess.Popen[str], interface: Types
) -> None:
    assert watching.stderr is not None
    assert watching.stderr.readline() == "watching what is changed on disks\n"
    assert ctl("read-keys", *on[:2], on[-1]).status == 0
    assert ctl("register", "-S", "a1", *on).status == 0
    assert by_another_process(["reserve", "-K", "b2", "-T", "5", *on]).status == 24
    out, _ = watching.communicate(timeout=20)
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        interface.check(event, "Event")
    assert [(each["command"]["action"], each["status"]) for each in events] == [
        ("REGISTER", "GOOD"),
        ("RESERVE", "RESERVATION CONFLICT"),
    ]


@pytest.mark.parametrize("how", ["interrupted", "daemon ends", "daemon is killed"])
def test_watch_ends_with_a_status_and_at_most_a_line(watching: subprocess.Popen[str], helper: Helper, how: str) -> None:
    assert watching.stderr is not None
    watching.stderr.readline()
    if how == "interrupted":
        watching.send_signal(signal.SIGINT)
    elif how == "daemon ends":
        helper.stop()
    else:
        helper.kill()
    out, err = watching.communicate(timeout=20)
    assert (watching.returncode, out) == (130 if how == "interrupted" else 69, "")
    assert ("it has ended, or was restarted" in err) == (how != "interrupted")
    assert err.count("\n") == (how != "interrupted")


def test_log_level_is_told_and_set(ctl: Run, to: list[str], on: list[str], helper: Helper) -> None:
    assert ctl("log-level", *to).out == "info\n"
    assert ctl("log-level", "debug", *to).out == "debug, before: info\n"
    assert parsed(ctl("log-level", "--json", *to), "LogLevels") == {"before": "debug", "level": "debug"}
    assert ctl("read-keys", *on[:2], on[-1]).status == 0
    helper.wait_for_log("PERSISTENT RESERVE IN READ KEYS")
    assert ctl("log-level", "loud", *to).status == 64


def test_trace_events_are_turned_on_and_off_by_pattern(ctl: Run, to: list[str], interface: Types) -> None:
    def enabled(*arguments: str) -> set[str]:
        events = parsed(ctl("trace", "--json", *to, *arguments), "SetTraceEvents", interface)["events"]
        return {each["name"] for each in events if each["enabled"]}

    assert enabled() == set()
    some = enabled("prh_client*")
    assert some
    assert all(name.startswith("prh_client") for name in some)
    assert f"on  {min(some)}\n" in ctl("trace", *to).out
    assert enabled("--off", "prh_client*") == set()
    unknown = ctl("trace", *to, "nothing*")
    assert unknown.status == 64
    assert "no trace event 'nothing*'" in unknown.err


@pytest.mark.parametrize("command", ["status", "clients", "disks", "watch", "log-level", "trace"])
def test_daemon_that_does_not_run_is_said_to(ctl: Run, no_control: Path, command: str) -> None:
    done = ctl(command, "-c", no_control)
    assert done.status == 69
    assert "no control socket at" in done.err


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (400, "0.4 ms"),
        (3_210_000, "3.2 s"),
        (60_000_000, "1 min"),
        (7_800_000_000, "2 h 10 min"),
        (90_061_000_000, "1 d 1 h"),
    ],
)
def test_duration_is_as_exact_as_is_of_interest(microseconds: int, text: str) -> None:
    assert wording.duration(microseconds) == text


def event(**command: str) -> dict[str, Any]:
    """An Event, as the daemon has it, with these fields of its command."""
    return {
        "at": 1_790_000_000_000_000,
        "client": 1,
        "process": {
            "pid": 4711,
            "uid": 107,
            "comm": "qemu",
            "unit": "u",
            "machine_name": "db1\033[2J",
            "machine_name_from": "client",
        },
        "device": {"kind": "block", "number": "253:1", "name": "dm-1", "wwid": None, "map": "mpatha"},
        "command": {"text": "", "is_out": True, **command},
        "status": "RESERVATION CONFLICT",
        "sense": "",
        "trouble": None,
        "emulated": False,
        "duration_usec": 400,
    }


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"key": "0x1", "service_action_key": "0x2"}, ", key 0x1, service action key 0x2"),
        ({}, ""),
    ],
)
def test_line_of_an_event_names_disk_machine_and_how_it_ended(keys: dict[str, str], told: str) -> None:
    from prhelper.ctl.watch import _line

    assert _line(event(action="PREEMPT", type="WRITE EXCLUSIVE", scope="LU", **keys)).endswith(
        f" mpatha db1?[2J (by its own word) pid 4711: PREEMPT, WRITE EXCLUSIVE{told}: RESERVATION CONFLICT, 0.4 ms"
    )
