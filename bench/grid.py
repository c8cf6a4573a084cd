"""The load that the goals are about: clients by device latency."""

from collections.abc import Iterator

from .bench import Bench, Figures, Side
from .results import Cell, Goal

GOALS = {
    (0, 1): 0.75,
    (0, 4): 1.1,
    (0, 16): 1.3,
    (0, 64): 1.3,
    (300, 1): 1.03,
    (300, 4): 0.95,
    (300, 16): 0.85,
    (300, 64): 0.6,
    (1000, 1): 1.0,
    (1000, 4): 1.0,
    (1000, 16): 1.0,
    (1000, 64): 0.55,
}
"""By latency in us and clients, of ours to theirs: at most, of one client's p50; at least, of several's throughput."""


def measure_cells(bench: Bench) -> Iterator[Cell]:
    """Every cell, as it is done."""
    for latency_us in bench.plan.latencies:
        for clients in bench.plan.clients:
            yield measure_cell(bench, latency_us, clients)


def measure_cell(bench: Bench, latency_us: int, clients: int) -> Cell:
    """One of them."""

    def measure(side: Side) -> Figures:
        with bench.running(side, latency_us) as running:
            result = running.load.run(clients=clients, seconds=bench.plan.seconds)
        return {"throughput": result.requests_per_second, "p50": result.p50, "p99": result.p99}

    figures = bench.compare(f"{clients} clients, {latency_us} us", measure)
    limit = GOALS.get((latency_us, clients))
    goal = None if limit is None else Goal("ratio", "<=" if clients == 1 else ">=", limit)
    return Cell(latency_us, clients, figures["throughput"], figures["p50"], figures["p99"], goal)
