"""What a QEMU says of its pr-managers, where its monitor can be connected to: libvirt keeps its own for itself."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

from ..hosts_machines import Machine

_PATIENCE = 2.0
_MAX_LINES = 100  # events may come before an answer


def connected_managers(machine: Machine) -> dict[str, bool]:
    """Of each pr-manager whether it is connected; empty if QEMU cannot be asked."""
    for path in machine.command_line.monitors:
        for place in (path, f"/proc/{machine.pid}/root{path}"):
            with contextlib.suppress(OSError, ValueError, KeyError, StopIteration):
                return {each["id"]: each["connected"] for each in _query(place)}
    return {}


def _query(path: str) -> list[dict[str, Any]]:
    """Raises OSError where nobody answers, or somebody else is connected; others for what is no QMP."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(_PATIENCE)
        monitor.connect(path)
        with monitor.makefile("r") as lines:
            if "QMP" not in json.loads(lines.readline()):
                return []
            for command in ("qmp_capabilities", "query-pr-managers"):
                monitor.sendall(json.dumps({"execute": command, "id": command}).encode() + b"\n")
            answers = _answers(iter(lines))
            managers: list[dict[str, Any]] = next(
                answer["return"] for answer in answers if answer.get("id") == "query-pr-managers"
            )
            return managers


def _answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for _ in range(_MAX_LINES):
        yield json.loads(next(lines))
