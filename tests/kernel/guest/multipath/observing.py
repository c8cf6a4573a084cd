"""Scenarios played without a judgement: what each step answers and leaves, beside what prhelper promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.support.nexus import Result
from tests.support.spc import CHECK_CONDITION, CONFLICT, GOOD, Out, sense_code

from .cluster import NAMES, Cluster, State
from .libmpathpersist import ENDED
from .steps import Becomes, Command, Knows, On, Step

PATIENCE = 12
"""Seconds for a state to come about unasked; multipathd looks at its paths each second."""

TURN = str.maketrans("ab", "ba")

STATUSES = {GOOD: "GOOD", CONFLICT: "CONFLICT"}


@dataclass(frozen=True)
class Observed:
    """One step.

    what: the step in words.  by_us: whether it is a row of its own, or only leads to the next.
    answer, state: as measured; answer "" where there is none.  as_promised: whether the scenario has that state.
    """

    what: str
    by_us: bool
    answer: str
    state: str
    as_promised: bool


def in_spc(result: Result) -> str:
    """An answer of prhelper or of a disk."""
    if result.status == CHECK_CONDITION:
        return "/".join(f"{code:02x}" for code in sense_code(result.sense))
    return STATUSES.get(result.status, hex(result.status))


def as_returned(result: Result) -> str:
    """An answer of the library."""
    return "it ended the process" if result.status == ENDED else str(result.status)


class Observer:
    """Plays steps on a cluster; `say` puts answers to our commands into words.

    Scenarios have us hold by the path a. Where we hold by b instead, a and b change their names for the rest.
    """

    def __init__(self, cluster: Cluster, say: Callable[[Result], str]) -> None:
        self._cluster = cluster
        self._say = say
        self._turned = False

    def observe(self, steps: Iterable[Step]) -> list[Observed]:
        """Play the steps from a unit where nobody is registered."""
        promised, seen = "nothing", []
        for step in steps:
            one, promised = self._observe_step(step, promised)
            seen.append(one)
        return seen

    def _observe_step(self, step: Step, before: str) -> tuple[Observed, str]:
        """Do one step; what came of it, and the state that the scenario promises after it, given the one before."""
        match step:
            case Command():
                return self._command(step, before if step.then is None else step.then)
            case On():
                path = step.path.translate(TURN) if self._turned else step.path
                On(path, step.what).run(self._cluster, before)
                return Observed(f"{step.path}: {step.what.replace('_', ' ')}", False, "", "", True), before
            case Becomes():
                became = self._wait_for(step.state)
                return Observed("then, unasked", True, "", became, became == step.state), step.state
            case Knows():
                known = knowledge(self._cluster)
                promised = "none" if step.key is None else NAMES[step.key]
                return Observed("multipathd's key for paths that return", True, "", known, known == promised), before
        raise AssertionError(step)

    def _command(self, step: Command, promised: str) -> tuple[Observed, str]:
        nexus = self._cluster.other if step.by_other else self._cluster.us
        result = nexus.write(step.action, step.key, step.new, step.kind, step.flags)
        if step.action is Out.RESERVE and not self._state().is_as(promised) and turned(self._state()).is_as(promised):
            self._turned = not self._turned
        state = self._state()
        answer = in_spc(result) if step.by_other else self._say(result)
        return Observed(in_words(step), not step.by_other, answer, str(state), state.is_as(promised)), promised

    def _wait_for(self, expected: str) -> str:
        """Wait for a state, but not for ever; return what it is then, in the expected one's words if it is as that."""
        deadline = time.monotonic() + PATIENCE
        while not (state := self._state()).is_as(expected) and time.monotonic() < deadline:
            time.sleep(0.2)
        return expected if state.is_as(expected) else str(state)

    def _state(self) -> State:
        state = self._cluster.state()
        return turned(state) if self._turned else state


def turned(state: State) -> State:
    """The same with a and b exchanged."""
    registered = {letter.translate(TURN): key for letter, key in state.registered.items()}
    return State(registered, frozenset(letter.translate(TURN) for letter in state.holders), state.kind)


def knowledge(cluster: Cluster) -> str:
    """The key that multipathd registers paths with that return."""
    key = cluster.multipathd.key() if cluster.multipathd.registers() else None
    return "none" if key is None else NAMES.get(key, hex(key))


def in_words(step: Command) -> str:
    """As in "PREEMPT K, O, type 5": key, service action key, type, flags, as far as the action has them."""
    parts = [NAMES.get(step.key, hex(step.key)) if step.key else "0"]
    if step.action not in (Out.RESERVE, Out.RELEASE, Out.CLEAR):
        parts.append(NAMES.get(step.new, hex(step.new)) if step.new else "0")
    if step.kind:
        parts.append(f"type {step.kind}")
    if step.flags:
        parts.append(f"flags {step.flags:#x}")
    name = "REGISTER AND IGNORE" if step.action == Out.REGISTER_AND_IGNORE_EXISTING_KEY else step.action.name
    return f"{'c: ' if step.by_other else ''}{name.replace('_', ' ')} {', '.join(parts)}"
