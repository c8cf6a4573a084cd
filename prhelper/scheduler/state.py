"""What the threads are doing, for people."""

from typing import NamedTuple


class State(NamedTuple):
    """The threads at one moment.

    threads: all but the guard; idle: those without work; has_reserve: whether a stuck leader can be replaced at once.
    guard_turns: how often the guard has looked. leaders_replaced: how many it found stuck.
    """

    threads: int
    idle: int
    has_reserve: bool
    guard_is_alive: bool
    guard_turns: int
    leaders_replaced: int
