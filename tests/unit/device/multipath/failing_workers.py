"""How a multipath worker can fail, and what the administrator must be told of each way."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from ....support.worker import Answer, Daemon


def hang_up(daemon: Daemon) -> None:
    """Say nothing."""


def greet_as_another_helper(daemon: Daemon) -> None:
    daemon.socket.sendall(bytes(4))
    daemon.wait_for_hang_up()


def die_with_the_command(daemon: Daemon) -> None:
    daemon.greet()
    daemon.request()


def die_with_unread_bytes(daemon: Daemon) -> None:
    daemon.greet()
    daemon.socket.recv(1, socket.MSG_PEEK)


def dies_after(size: int) -> Callable[[Daemon], None]:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        daemon.request()
        daemon.socket.sendall(Answer().as_bytes()[:size])

    return behave


def answers(data: bytes) -> Callable[[Daemon], None]:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        daemon.request()
        with suppress(BrokenPipeError, ConnectionResetError):
            daemon.socket.sendall(data)
        daemon.wait_for_hang_up()

    return behave


SEE_LOG, RESTART, START = "journalctl -u prhelper-multipath", "restart prhelper-multipath", "prhelper-multipath.socket"
UNKNOWN = "may or may not have been carried out"

FAULTS: dict[str, tuple[Callable[[Daemon], None], tuple[str, ...]]] = {
    "hangs up at once": (hang_up, ("before it had the command", SEE_LOG)),
    "another helper": (greet_as_another_helper, ("another kind of helper", START)),
    "dies with the command": (die_with_the_command, ("ended with the command in it", UNKNOWN, SEE_LOG)),
    "dies with the command unread": (die_with_unread_bytes, (SEE_LOG,)),
    "dies after a byte": (dies_after(1), ("ended with the command in it", UNKNOWN)),
    "dies before the report": (dies_after(104), ("ended with the command in it", UNKNOWN)),
    "dies in the report": (dies_after(110), ("ended with the command in it", UNKNOWN)),
    "a status that is none": (answers(struct.pack(">ii", 256, 0) + bytes(96)), ("it sent status 256", RESTART)),
    "data for OUT": (answers(struct.pack(">ii", 0, 8) + bytes(104)), ("sent a payload of 8 bytes", RESTART)),
    "no report": (answers(bytes(104) + bytes(4)), ("sent a report of 0 bytes", RESTART)),
    "a report of rubbish": (answers(bytes(104) + b"\0\0\0\4none"), ("sent a report that is no JSON", RESTART)),
}
