"""Sending commands on paths: each by SG_IO on the path's own disk."""

import threading
import time
from collections.abc import Callable, Sequence

from ...host.signals import every_signal_blocked
from ...logs import trace
from ...scsi.outcome import Outcome, outcome_of_errno, outcome_of_result
from ...scsi.reservation import Command
from ...scsi.sg_io import send_command
from .rules.steps import Path

MIN_TIMEOUT = 7.0
"""Seconds for a command on a path, at least: a path that fails over inside an array may take so long to answer."""

Order = tuple[Path, Command]


def send(fd: int, path: Path, command: Command, timeout: float) -> Outcome:
    """Send a command on one path. What the kernel refuses is turned into an outcome, too."""
    began = time.monotonic()
    try:
        sent = send_command(fd, command, max(timeout, MIN_TIMEOUT))
    except OSError as error:
        trace.path_error(path, command, error.strerror, time.monotonic() - began)
        return outcome_of_errno(error.errno)
    outcome = outcome_of_result(sent)
    if trace.path.enabled:
        trace.path(path, command, outcome.status, outcome.sense.hex(), time.monotonic() - began)
    return outcome


def send_in_turn(orders: Sequence[Order], send_one: Callable[[Order], Outcome]) -> list[Outcome]:
    """One path after another."""
    return [send_one(order) for order in orders]


def send_at_once(orders: Sequence[Order], send_one: Callable[[Order], Outcome]) -> list[Outcome]:
    """All paths at the same time, so that a path that takes long is waited for once. In turn, if threads are short."""
    outcomes: dict[int, Outcome] = {}

    def carry_out(number: int) -> None:
        outcomes[number] = send_one(orders[number])

    threads = []
    with every_signal_blocked():
        for number in range(1, len(orders)):
            thread = threading.Thread(target=carry_out, args=(number,), name="prhelper-path", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                break
            threads.append(thread)
    for number in (*range(min(1, len(orders))), *range(len(threads) + 1, len(orders))):
        carry_out(number)
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(orders))]
