"""The load that the goals are about: clients by device latency, with PERSISTENT RESERVE IN and OUT."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .bench import Bench, Figures, Side
from .results import Cell, Comparison, Goal, Operation

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
"""IN, by latency in us and clients, ours to theirs: at most, of a single client's p50; at least, of throughput."""

GOALS_OF_OUT = Goal("IN", "<=", 1.2), Goal("IN", ">=", 0.8)
"""Of our OUT to our IN: a single client's p50; the throughput of several."""


def measure_cells(bench: Bench) -> Iterator[Cell]:
    """Every cell, as it is done."""
    for latency_us in bench.plan.latencies:
        for clients in bench.plan.clients:
            yield from measure_pair(bench, latency_us, clients)


def measure_pair(bench: Bench, latency_us: int, clients: int) -> Iterator[Cell]:
    """IN and OUT of one cell, each on a fresh process, round by round."""

    def measure(side: Side) -> Figures:
        figures: dict[str, float | None] = {}
        for operation in ("IN", "OUT"):
            with bench.running(side, latency_us) as running:
                result = running.load.run(clients=clients, seconds=bench.plan.seconds, out=operation == "OUT")
            figures[f"{operation} throughput"] = result.requests_per_second
            figures[f"{operation} p50"], figures[f"{operation} p99"] = result.p50, result.p99
        return figures

    figures = bench.compare(f"{clients} clients, {latency_us} us", measure)
    limit = GOALS.get((latency_us, clients))
    goal = None if limit is None else Goal("ratio", "<=" if clients == 1 else ">=", limit)
    reads = _cell("IN", latency_us, clients, figures, goal)
    yield reads
    writes = _cell("OUT", latency_us, clients, figures, GOALS_OF_OUT[clients > 1])
    yield replace(writes, beside_in=Comparison(writes.compared.ours, reads.compared.ours))


def _cell(
    operation: Operation, latency_us: int, clients: int, figures: Mapping[str, Comparison], goal: Goal | None
) -> Cell:
    throughput, p50, p99 = (figures[f"{operation} {name}"] for name in ("throughput", "p50", "p99"))
    return Cell(operation, latency_us, clients, throughput, p50, p99, goal)
