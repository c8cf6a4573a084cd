"""From exec until clients can connect: libvirt holds a virtual machine up for so long."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .bench import Bench, Figures, Side
from .results import Figure, Goal

_PAUSE = 0.0002
"""Seconds between attempts to connect."""

_PATIENCE = 20.0


class NoStartError(Exception):
    """A helper does not listen; the text says which."""


def measure_listening(bench: Bench) -> Iterator[Figure]:
    """The figure, of more rounds than others: each is short, and they differ much."""
    figures = bench.compare("listening", _measure, bench.plan.starts)
    yield Figure("exec to listening", "ms", figures["listening"], Goal("ours", "<=", 60))


def _measure(side: Side) -> Figures:
    with tempfile.TemporaryDirectory(prefix="prhelper-bench-") as name:
        path = Path(name) / "helper.sock"
        began = time.monotonic()
        process = subprocess.Popen(
            [*side.command, *side.options, "-k", path], env={**os.environ, **side.env}, stderr=subprocess.DEVNULL
        )
        try:
            while not _can_connect(path):
                if process.poll() is not None or time.monotonic() > began + _PATIENCE:
                    raise NoStartError(f"{side.name} does not listen")
                time.sleep(_PAUSE)
            return {"listening": (time.monotonic() - began) * 1000}
        finally:
            process.kill()
            process.wait()


def _can_connect(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True
