"""What a QEMU says of its pr-managers, where its monitor can be connected to: libvirt keeps its own for itself."""

import contextlib
import json
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..hosts_machines import Machine

_PATIENCE = 2.0
_MAX_BYTES = 1 << 20  # events may come before an answer
_CHUNK = 1 << 16


def connected_managers(machine: Machine) -> dict[str, bool]:
    """Of each pr-manager whether it is connected; empty if QEMU cannot be asked."""
    for path in machine.command_line.monitors:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {str(each["id"]): bool(each["connected"]) for each in _query(machine.reached(path))}
    return {}


def _query(path: Path) -> Iterable[dict[str, Any]]:
    """Raises OSError where nobody answers, or somebody else is connected; others for what is no QMP."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(_PATIENCE)
        monitor.connect(str(path))
        lines = _lines(monitor)
        if "QMP" not in json.loads(next(lines, b"")):
            return []
        for command in ("qmp_capabilities", "query-pr-managers"):
            monitor.sendall(json.dumps({"execute": command, "id": command}).encode() + b"\n")
        answers = map(json.loads, lines)
        return next(
            (answer["return"] for answer in answers if answer.get("id") == "query-pr-managers"),
            [],
        )


def _lines(monitor: socket.socket) -> Iterator[bytes]:
    """What it says, within reason: it may be no QEMU, or one that a guest has taken over."""
    deadline = time.monotonic() + _PATIENCE
    rest, size = b"", 0
    while size < _MAX_BYTES and (left := deadline - time.monotonic()) > 0:
        monitor.settimeout(left)
        data = monitor.recv(_CHUNK)
        if not data:
            return
        size += len(data)
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
