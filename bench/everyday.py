"""How a helper spends its days: at rest, among idle clients, with a command now and then, and in a yearly storm."""

import time
from collections.abc import Iterator

from .bench import Bench, Figures, Side
from .listening import measure_listening
from .results import Figure, Goal
from .status import measure_status

_RARELY_US = 20_000
_STORM_US = 5_000
_AS_FAST_AS = 1.15
"""Two runs of the same thing differ by as much."""


def measure_everyday(bench: Bench) -> Iterator[Figure]:
    """Every figure, as it is done."""
    yield from measure_listening(bench)
    yield from measure_start(bench)
    yield from measure_rare_commands(bench)
    yield from measure_idle_clients(bench)
    yield from measure_storm(bench)
    yield from measure_status(bench)


def measure_start(bench: Bench) -> Iterator[Figure]:
    """From the start of the process to the first answer, some 10 ms of watching included, and its memory then."""

    def measure(side: Side) -> Figures:
        began = time.monotonic()
        with bench.running(side) as running:
            ended = running.load.run(requests=1, warm_up=0).ended_at
            return {"start": (ended - began) * 1000, "resident": running.resident_kib() / 1024}

    figures = bench.compare("start", measure)
    yield Figure("start to first answer", "ms", figures["start"], Goal("ours", "<=", 250))
    yield Figure("resident at rest", "MiB", figures["resident"], Goal("ours", "<=", 30))


def measure_rare_commands(bench: Bench) -> Iterator[Figure]:
    """One connection, with a command each 20 ms: what clusters do all day."""

    def measure(side: Side) -> Figures:
        figures: dict[str, float | None] = {}
        for operation in ("IN", "OUT"):
            with bench.running(side) as running:
                load = running.load.run(
                    requests=bench.plan.rare_requests, pause_us=_RARELY_US, warm_up=3, out=operation == "OUT"
                )
            figures[operation] = load.p50
        return figures

    figures = bench.compare("a command each 20 ms", measure)
    for operation, limit in (("IN", 1.5), ("OUT", 1.7)):
        yield Figure(f"an {operation} each 20 ms, p50", "us", figures[operation], Goal("ratio", "<=", limit))


def measure_idle_clients(bench: Bench) -> Iterator[Figure]:
    """Clients that are connected and silent: what they cost at rest, and what they cost others."""
    count = bench.plan.idle

    def measure(side: Side) -> Figures:
        with bench.running(side) as running:
            alone = running.load.run(seconds=bench.plan.seconds)
            resident = running.resident_kib()
            with running.load.idle_clients(count):
                time.sleep(bench.plan.settle)
                before = running.wakeups()
                time.sleep(1.0)
                wakeups = running.wakeups() - before
                each = (running.resident_kib() - resident) / count
                among = running.load.run(seconds=bench.plan.seconds)
        return {"wakeups": wakeups, "each": each, "slowdown": among.p50 / alone.p50}

    figures = bench.compare(f"{count} idle clients", measure)
    yield Figure(f"{count} idle clients, wake-ups", "/s", figures["wakeups"], Goal("ours", "<=", 0))
    yield Figure("  resident, each", "KiB", figures["each"], Goal("ours", "<=", 8))
    yield Figure("  p50 among them / without", "x", figures["slowdown"], Goal("ours", "<=", _AS_FAST_AS))


def measure_storm(bench: Bench) -> Iterator[Figure]:
    """A failover: every machine has its say at once, on a fresh process and a slow device. The time for all of them."""
    clients, commands = bench.plan.storm

    def measure(side: Side) -> Figures:
        with bench.running(side, _STORM_US) as running:
            result = running.load.run(clients=clients, requests=commands, warm_up=0)
        return {"time": result.seconds * 1000}

    figures = bench.compare("failover storm", measure)
    yield Figure(f"failover, {clients} x {commands} on 5 ms devices", "ms", figures["time"], Goal("ratio", "<=", 1.1))
