"""Carrying a sequence out, whatever does its steps."""

from collections.abc import Callable
from typing import TypeVar

from .steps import Step, Steps

T = TypeVar("T")


def carry_out(steps: Steps[T], do: Callable[[Step], object]) -> T:
    """Have step after step done, each answered with what `do` returns, and return what came of it.

    What `do` raises ends the sequence where it is, as a crash would.
    """
    answer: object = None
    try:
        while True:
            answer = do(steps.send(answer))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()
