"""What was measured, and whether it is what was aimed at."""

import operator
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Operation = Literal["IN", "OUT"]

Rounds = list[float | None]
"""A figure of one helper, round by round; None where there was no answer."""

_SIGNS = {"<=": operator.le, ">=": operator.ge}


def median(values: Sequence[float | None]) -> float | None:
    """The median, with no answer as the worst of all; None if that is what is in the middle."""
    middle = statistics.median(float("inf") if value is None else value for value in values)
    return None if middle == float("inf") else middle


@dataclass(frozen=True)
class Comparison:
    """One figure of both helpers. The rounds are in pairs: only the two of one round were taken side by side."""

    ours: Rounds
    theirs: Rounds

    @property
    def ratio(self) -> float | None:
        """Median of ours / theirs of each round; None if one of the two mostly gave no answer, or was zero."""
        pairs = zip(self.ours, self.theirs, strict=True)
        ratios = [ours / theirs if ours is not None and theirs else None for ours, theirs in pairs]
        return median(ratios)


@dataclass(frozen=True)
class Goal:
    """A bound on our own figure (its median), or on a ratio: of ours to theirs, or of our OUT to our IN."""

    of: Literal["ours", "ratio", "IN"]
    sign: Literal["<=", ">="]
    limit: float

    def is_reached(self, comparison: Comparison) -> bool:
        """Whether a figure is within the bound."""
        value = median(comparison.ours) if self.of == "ours" else comparison.ratio
        return value is not None and bool(_SIGNS[self.sign](value, self.limit))

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}" + {"ours": "", "ratio": " x", "IN": " IN"}[self.of]


@dataclass(frozen=True)
class Cell:
    """So many clients in a closed loop on a device that takes so long. Requests per second; times in us.

    operation: IN or OUT, of PERSISTENT RESERVE.
    beside_in: of OUT, our figure beside our own of IN; there the goal is about that.
    """

    operation: Operation
    latency_us: int
    clients: int
    throughput: Comparison
    p50: Comparison
    p99: Comparison
    goal: Goal | None
    beside_in: Comparison | None = None

    @property
    def compared(self) -> Comparison:
        """What tells: how long a single client waits, how much several get done."""
        return self.p50 if self.clients == 1 else self.throughput

    @property
    def judged(self) -> Comparison:
        """What the goal is about."""
        return self.beside_in or self.compared


@dataclass(frozen=True)
class StuckPoint:
    """One client on a healthy device while so many wait for another that hangs. Times in us.

    hanging: how many of them the helper had let through to the device meanwhile.
    """

    stuck: int
    hanging: Comparison
    p50: Comparison
    p99: Comparison
    goal: Goal


@dataclass(frozen=True)
class Figure:
    """Any other figure."""

    name: str
    unit: str
    value: Comparison
    goal: Goal | None = None


@dataclass
class Results:
    """A whole run. made_on: the machine and the programs, name by name."""

    made_on: dict[str, str]
    cells: list[Cell] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    isolation: list[StuckPoint] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Everything, as it is written to results.json, with ratios and verdicts."""
        return {
            "made_on": self.made_on,
            "grid": [_entry(cell, cell.judged, cell.goal) for cell in self.cells],
            "figures": [_entry(figure, figure.value, figure.goal) for figure in self.figures],
            "isolation": [_entry(point, point.p99, point.goal) for point in self.isolation],
        }


def _entry(thing: Cell | Figure | StuckPoint, judged: Comparison, goal: Goal | None) -> dict[str, object]:
    verdict = {"goal": str(goal), "reached": goal.is_reached(judged)} if goal else {"goal": None}
    return {**asdict(thing), "ratio": judged.ratio, **verdict}
