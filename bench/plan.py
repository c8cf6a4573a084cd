"""How much is measured: everything, or just enough to see that the benchmark runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """rounds: how often each figure is taken of each helper; starts: how often the time of a start.

    seconds: how long one load goes on. latencies: of the device, in us. clients: at once.
    stuck: clients whose command hangs. idle: clients that are connected and silent.
    rare_requests: how many, with one each 20 ms. settle: seconds until what is done once after a load is done; above
    the five for which our helper keeps an idle thread.
    """

    rounds: int
    starts: int
    seconds: float
    latencies: tuple[int, ...]
    clients: tuple[int, ...]
    stuck: tuple[int, ...]
    idle: int
    rare_requests: int
    settle: float
    storm: tuple[int, int] = (64, 16)


FULL = Plan(
    rounds=3,
    starts=20,
    seconds=0.7,
    latencies=(0, 300, 1000),
    clients=(1, 4, 16, 64),
    stuck=(0, 1, 32, 64, 256, 512),
    idle=1000,
    rare_requests=60,
    settle=6.0,
)

QUICK = Plan(
    rounds=1,
    starts=2,
    seconds=0.1,
    latencies=(0, 300),
    clients=(1, 16),
    stuck=(0, 32),
    idle=50,
    rare_requests=10,
    settle=0.2,
)
