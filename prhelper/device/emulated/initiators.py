"""Which initiator a client is: the I_T nexus of its commands, by one of four rules.

    process     each process, by PID and start time, over all its connections
    connection  each connection, so that a new connection is a new initiator
    uid         each user, over all its processes
    host        all clients together, as if behind one host adapter

APTPL stores the nexus's name, so that after a restart of prhelper a process that is still running, or a user, is the
same initiator as before. The name of a process contains the boot ID, so that no process of a later boot is mistaken for
it; its registration is then orphaned, and removed as on real disks, by PREEMPT or CLEAR.

Processes in another PID namespace (reported as PID 0), or hidden by /proc, cannot be told apart. Under the rule
`process` each of their connections is then an initiator: two virtual machines are never mistaken for one, but one that
reconnects is a new initiator.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from ...host.boot import RUN
from ...host.peer import Peer
from ...host.process_stat import ProcessStat
from ...logs.record import at_most
from ...scsi.transport_id import SasPort
from .boot import of_this_boot
from .state import Nexus

_log = logging.getLogger(__name__)

_PROC = Path("/proc")

_NAA_LOCALLY_ASSIGNED = 0x3
"""First digit of a locally assigned address (SPC-4, 7.8.6.6.4)."""

_run = RUN

Rule = Callable[[Peer, int], str]


def run() -> str:
    """What the names of connections have in common: no other process has it but one that goes on with them."""
    return _run


def go_on_as(former: str) -> None:
    """Go on with the connections of a process whose `run` that was."""
    global _run
    _run = former


def nexus_of(rule: str, peer: Peer, number: int) -> Nexus:
    """The nexus of a client, by a rule of `RULES`; `number` identifies its connection within this process."""
    return nexus_named(RULES[rule](peer, number))


def nexus_named(name: str) -> Nexus:
    """The nexus of a name. Its port is a SAS address derived from the name, the same in every run and on every host."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return Nexus(name, SasPort(_NAA_LOCALLY_ASSIGNED << 60 | digest >> 4))


def _by_process(peer: Peer, number: int) -> str:
    started = _start_time(peer.pid)
    if started is None:
        _log.warning(
            "%s cannot be seen in /proc: for --emulate-nexus=process this connection is an initiator of its own; "
            "let both see one pid namespace, or use --emulate-nexus=uid",
            peer,
            extra=at_most(1, "nexus", peer.account),
        )
        return _by_connection(peer, number)
    return of_this_boot(f"process {peer.pid} started {started}")


def _by_connection(_: Peer, number: int) -> str:
    return f"connection {number} run {_run}"


def _by_uid(peer: Peer, _: int) -> str:
    return f"uid {peer.uid}"


def _by_host(_: Peer, __: int) -> str:
    return "host"


OF_SEVERAL = ("uid", "host")
"""Rules by which several processes may be one initiator, such as QEMU at both ends of a migration."""

RULES: dict[str, Rule] = {"process": _by_process, "connection": _by_connection, "uid": _by_uid, "host": _by_host}


def _start_time(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if it is not visible."""
    try:
        return ProcessStat.parse((_PROC / str(pid) / "stat").read_bytes()).started
    except OSError:
        return None
