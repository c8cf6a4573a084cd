"""What the control socket says, and how soon, while commands hang and many clients are connected."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.helper import wait_until
from tests.support.varlink import Varlink

from .bench import HANGING, Bench, Figures, Side
from .results import Figure, Goal

_QUESTIONS = 20
_PAUSE = 0.1
"""Seconds before each: who asks again at once has to wait, so that clients do not."""


def measure_status(bench: Bench) -> Iterator[Figure]:
    """Ours alone: the C helper tells nothing."""
    stuck, idle = bench.plan.stuck[-1], bench.plan.idle
    ours = bench.sides[0]

    def measure(side: Side) -> Figures:
        if side is not ours:
            return {"GetStatus": None, "GetClients": None}
        with tempfile.TemporaryDirectory(prefix="prhelper-bench-") as folder:
            return _measure(bench, side, Path(folder) / "control", stuck, idle)

    figures = bench.compare("status", measure)
    yield Figure(f"status, {stuck} stuck of {stuck + idle}", "ms", figures["GetStatus"], Goal("ours", "<=", 20))
    yield Figure("  each of these clients", "ms", figures["GetClients"], Goal("ours", "<=", 200))


def _measure(bench: Bench, side: Side, control: Path, stuck: int, idle: int) -> Figures:
    telling = dataclasses.replace(side, options=(*side.options, "--control", str(control)))
    load: dict[str, str | float] = {"device": HANGING, "clients": stuck, "requests": 1, "warm_up": 0}
    with (
        bench.running(telling) as running,
        running.load.idle_clients(idle),
        running.load.behind(**load, give_up_ms=60_000) as others,
        Varlink(control) as peer,
    ):
        wait_until(lambda: running.held.hanging == stuck, 60.0, f"{stuck} commands to hang")
        figures = {method: _milliseconds(peer, method) for method in ("GetStatus", "GetClients")}
        running.held.release()
        others.result()
    return figures


def _milliseconds(peer: Varlink, method: str) -> float:
    taken = []
    for _ in range(_QUESTIONS):
        time.sleep(_PAUSE)
        began = time.monotonic()
        peer.call(method)
        taken.append(time.monotonic() - began)
    return statistics.median(taken) * 1000
