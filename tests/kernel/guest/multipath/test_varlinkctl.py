"""The control socket in the hands of systemd's own varlinkctl, as the suite ships it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.spc import GOOD, Out
from tests.support.varlink import CONTROL, SERVICE

from .. import helper
from ..initiators import through_helper

pytestmark = pytest.mark.timeout(180)


class VarlinkCtl:
    """The program, asking one socket."""

    def __init__(self, program: str, socket: Path) -> None:
        self._program = program
        self._socket = str(socket)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        verb, *flags = command.split()
        return subprocess.run(
            [self._program, *flags, verb, self._socket, *arguments], capture_output=True, text=True, timeout=60
        )

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        done = self.run("call --json=short", f"{CONTROL}.{method}", json.dumps(parameters))
        assert done.returncode == 0, done.stderr
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The helper's sockets: that for clients, and that for questions."""
    clients, control = tmp_path / "helper", tmp_path / "control"
    with helper.running(clients, f"--control={control}"):
        Client(clients, timeout=60).close()  # it answers, so it listens for questions, too
        yield clients, control


@pytest.fixture
def varlinkctl(sockets: tuple[Path, Path]) -> VarlinkCtl:
    if (program := shutil.which("varlinkctl")) is None:
        pytest.skip("systemd has varlinkctl from version 255 on: PRHELPER_SUITE=trixie")
    return VarlinkCtl(program, sockets[1])


def test_varlinkctl_introspects_and_calls(
    varlinkctl: VarlinkCtl, sockets: tuple[Path, Path], disks: list[Path]
) -> None:
    with ExitStack() as stack:
        client = through_helper(disks[2], sockets[0], stack)
        assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD
        assert {CONTROL, SERVICE} <= set(varlinkctl.run("info").stdout.split())
        introspected = varlinkctl.run("introspect", CONTROL)
        assert (introspected.returncode, introspected.stderr) == (0, "")
        assert "method WatchReservations" in introspected.stdout
        assert varlinkctl.call("GetStatus")["clients"] == 1
        (seen,) = varlinkctl.call("GetDevices")["devices"]
        assert seen["device"]["name"] == disks[2].name
        assert [one["key"] for one in seen["registrations"]] == ["0xa"]
        assert varlinkctl.call("SetLogLevel", level="debug") == {"before": "info"}
        assert client.write(Out.CLEAR, key=0xA).status == GOOD


def test_varlinkctl_says_which_error_it_was(varlinkctl: VarlinkCtl) -> None:
    done = varlinkctl.run("call", f"{CONTROL}.SetTraceEvents", '{"patterns": ["nonsense"]}')
    assert done.returncode != 0
    assert f"{CONTROL}.NoSuchTraceEvent" in done.stderr
    done = varlinkctl.run("call", f"{CONTROL}.WatchReservations", "{}")
    assert done.returncode != 0
