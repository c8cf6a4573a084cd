"""What scenarios are made of: commands of either host, what becomes of paths, and what must be the case then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tests.support.spc import CHECK_CONDITION, GOOD, Codes, Out, sense_code

from .cluster import Cluster


class Step(Protocol):
    """Part of a scenario."""

    def run(self, cluster: Cluster, before: str) -> str:
        """Do it, given the state (`cluster.State`) before; return that after."""


@dataclass(frozen=True)
class Command:
    """A PERSISTENT RESERVE OUT through the map, or of the other host.

    then: the state after it; None for the one before.
    answer: a status, or the sense codes of CHECK CONDITION.
    """

    action: Out
    then: str | None = None
    answer: int | Codes = GOOD
    key: int = 0
    new: int = 0
    kind: int = 0
    flags: int = 0
    by_other: bool = False

    def run(self, cluster: Cluster, before: str) -> str:
        nexus = cluster.other if self.by_other else cluster.us
        result = nexus.write(self.action, self.key, self.new, self.kind, self.flags)
        answer = sense_code(result.sense) if result.status == CHECK_CONDITION else result.status
        expected = before if self.then is None else self.then
        state = cluster.state()
        assert (answer, state.is_as(expected)) == (self.answer, True), f"{self}\nanswer {answer}, state: {state}"
        return expected


@dataclass(frozen=True)
class On:
    """Something happens to a path: the name of a method of `MapPath`."""

    path: str
    what: str

    def run(self, cluster: Cluster, before: str) -> str:
        getattr(cluster.paths[self.path], self.what)()
        return before


@dataclass(frozen=True)
class Becomes:
    """Unasked, in its own time, the state becomes another."""

    state: str

    def run(self, cluster: Cluster, before: str) -> str:  # noqa: ARG002
        cluster.becomes(self.state)
        return self.state


@dataclass(frozen=True)
class Knows:
    """multipathd registers paths that come back with this key; None: with none."""

    key: int | None

    def run(self, cluster: Cluster, before: str) -> str:
        daemon = cluster.multipathd
        assert (daemon.key(), daemon.registers()) == (self.key, self.key is not None)
        return before


def play(steps: Iterable[Step], cluster: Cluster) -> None:
    """Run the steps one after another, from a unit where nobody is registered."""
    state = "nothing"
    for step in steps:
        state = step.run(cluster, state)
