"""Whether one client waits for another's device: a client of a healthy one, while others' hang or are slow."""

import time
from collections.abc import Iterator

from .bench import HANGING, HEALTHY, SOMETIMES_SLOW, Bench, Figures, Running, Side
from .load import BackgroundLoad, LoadError, LoadResult
from .results import Figure, Goal, StuckPoint

_GOAL = Goal("ours", "<=", 2000)  # us, p99
_GIVE_UP_MS = 2000
_NO_MORE = 0.4
"""Seconds in which not one command more came to hang."""
_SLOW_EACH, _SLOW_US = 100, 50_000
_SLOW_CLIENTS, _SLOW_PAUSE_US = 8, 1000


def measure_isolation(bench: Bench) -> Iterator[StuckPoint]:
    """With so many clients stuck, as it is done."""
    for stuck in bench.plan.stuck:
        yield measure_stuck(bench, stuck)


def measure_stuck(bench: Bench, stuck: int) -> StuckPoint:
    """One of them. What a client gets that comes when the others are stuck already; they get their answers later."""

    def measure(side: Side) -> Figures:
        load: dict[str, str | float] = {"device": HANGING, "clients": stuck, "requests": 1, "warm_up": 0}
        with bench.running(side) as running, running.load.behind(**load, give_up_ms=30_000) as others:
            hanging = _wait_for_hanging(running, others, stuck)
            healthy = _load_healthy(running, bench.plan.seconds)
            running.held.release()
            _check_all_answered(others, stuck)
        return {"hanging": hanging, **_figures(healthy)}

    figures = bench.compare(f"{stuck} clients stuck", measure)
    return StuckPoint(stuck, figures["hanging"], figures["p50"], figures["p99"], _GOAL)


def measure_sometimes_slow(bench: Bench) -> Iterator[Figure]:
    """While others use a device where one command in a hundred takes 50 ms."""

    def measure(side: Side) -> Figures:
        slow = {"every": _SLOW_EACH, "every_us": _SLOW_US}
        load: dict[str, str | float] = {
            "device": SOMETIMES_SLOW,
            "clients": _SLOW_CLIENTS,
            "pause_us": _SLOW_PAUSE_US,
            "warm_up": 1,
        }
        with bench.running(side, **slow) as running, running.load.behind(**load) as others:
            time.sleep(0.1)
            healthy = _load_healthy(running, bench.plan.seconds)
            if not others.is_running():
                others.result()
                raise LoadError("the clients of the device that is sometimes slow have left")
        return _figures(healthy)

    figures = bench.compare("a device that is sometimes slow", measure)
    yield Figure("other device slow at times, p50", "us", figures["p50"])
    yield Figure("other device slow at times, p99", "us", figures["p99"], _GOAL)


def _load_healthy(running: Running, seconds: float) -> LoadResult | None:
    return running.load.try_to_run(device=HEALTHY, seconds=seconds, give_up_ms=_GIVE_UP_MS)


def _figures(healthy: LoadResult | None) -> Figures:
    if healthy is None:
        return {"p50": None, "p99": None}
    return {"p50": healthy.p50, "p99": healthy.p99}


def _wait_for_hanging(running: Running, others: BackgroundLoad, count: int) -> int:
    """Until all hang, or no more do, as the C helper sends 64 commands at once and no more: how many do."""
    seen, since = -1, time.monotonic()
    while (hanging := running.held.hanging) < count and time.monotonic() < since + _NO_MORE:
        if hanging != seen:
            seen, since = hanging, time.monotonic()
        if not others.is_running():
            others.result()
            raise LoadError("the clients that should hang have left")
        time.sleep(0.005)
    return hanging


def _check_all_answered(others: BackgroundLoad, count: int) -> None:
    result = others.result()
    if result is None or result.requests != count:
        raise LoadError(f"of {count} clients that were stuck not every one got its answer")
