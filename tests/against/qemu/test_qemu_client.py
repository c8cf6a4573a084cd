"""QEMU's own client: a pr-manager-helper object without any machine around it connects to our helper, and says so.

QEMU connects when the object is made. What it sends with a guest's disk behind it is seen in the emulated machines of
tests/kernel.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...support.helper import Helper, wait_until
from .version import programs


class Qemu:
    """QEMU without a machine, one pr-manager-helper object for each socket, and its monitor (QMP)."""

    def __init__(self, *sockets: Path) -> None:
        qemu = programs()
        self.events: list[dict[str, Any]] = []
        objects = [
            text
            for number, path in enumerate(sockets)
            for text in ("-object", f"pr-manager-helper,id=h{number},path={path}")
        ]
        self.process = subprocess.Popen(
            [*qemu.emulator, "-machine", "none", "-nodefaults", "-display", "none", *objects, "-qmp", "stdio"],
            env={**os.environ, **qemu.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert "QMP" in self._receive()
        self.execute("qmp_capabilities")

    def execute(self, command: str) -> Any:
        """Carry out a monitor command: what it returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"execute": command}) + "\n")
        self.process.stdin.flush()
        while "return" not in (message := self._receive()):
            assert "error" not in message, message
            self.events.append(message)
        return message["return"]

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "QEMU ended"
        message: dict[str, Any] = json.loads(line)
        return message

    def __enter__(self) -> "Qemu":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    with Helper(tmp_path, options=["-v"]) as helper:
        yield helper


def test_qemu_connects_and_says_so(helper: Helper) -> None:
    rest = helper.rest()
    with Qemu(helper.socket) as qemu:
        assert qemu.execute("query-pr-managers") == [{"id": "h0", "connected": True}]
        wait_until(lambda: helper.descriptors() == rest.descriptors + 1, what="QEMU's connection to be accepted")
    helper.wait_for_rest(rest)


def test_several_managers_of_one_qemu_have_a_connection_each(helper: Helper) -> None:
    rest = helper.rest()
    with Qemu(*[helper.socket] * 5) as qemu:
        managers = qemu.execute("query-pr-managers")
        assert sorted(manager["id"] for manager in managers) == ["h0", "h1", "h2", "h3", "h4"]
        assert all(manager["connected"] for manager in managers)
        wait_until(lambda: helper.descriptors() == rest.descriptors + 5, what="QEMU's connections to be accepted")
    helper.wait_for_rest(rest)


def test_a_helper_that_stops_hangs_up_on_an_idle_qemu_and_ends(helper: Helper) -> None:
    with Qemu(helper.socket) as qemu:
        assert qemu.execute("query-pr-managers")[0]["connected"]
        assert helper.stop() == 0
        assert qemu.execute("query-status")["status"]


def test_a_helper_that_is_replaced_leaves_qemus_connection_to_the_new_one(helper: Helper, tmp_path: Path) -> None:
    with Qemu(helper.socket) as qemu:
        assert qemu.execute("query-pr-managers") == [{"id": "h0", "connected": True}]
        with Helper(tmp_path, options=["--replace"]) as new:
            assert helper.process.wait(20) == 0
            new.wait_for_log("with 1 connections")
            assert qemu.execute("query-pr-managers") == [{"id": "h0", "connected": True}]
            assert qemu.events == []
            rest = new.descriptors()
            qemu.process.kill()
            new.wait_for_descriptors(rest - 1)
