"""Which initiator a client is: the I_T nexus that its commands come from, by one of four rules.

    process     a process is an initiator, whatever it connects with and how often: its pid and start time
    connection  each connection is an initiator, and a new one begins with nothing
    uid         a user is an initiator, in all of its processes
    host        everybody is the same initiator, as behind one host adapter

The nexus's name is what APTPL keeps: after a restart of prhelper the process that still runs, or the user, is the
initiator that it was. The name of a process holds the boot's id too, so that no process of a later boot is taken for
it. Its registration then belongs to nobody, and is removed as in life, by PREEMPT or CLEAR.

A process that cannot be seen from here (its pid is 0, for it lives in another pid namespace; or /proc hides it) cannot
be told from another like it. Under the rule `process` each of its connections is an initiator then: two virtual
machines are never mistaken for one, yet one that connects again is a stranger.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from ...host.peer import Peer
from ...logs.record import at_most
from ...scsi.transport_id import SasPort
from .boot import RUN, of_this_boot
from .state import Nexus

_log = logging.getLogger(__name__)

_PROC = Path("/proc")

_NAA_LOCALLY_ASSIGNED = 0x3
"""The first digit of an address that nobody gave out (SPC-4, 7.8.6.6.4)."""

Rule = Callable[[Peer, int], str]


def nexus_of(rule: str, peer: Peer, number: int) -> Nexus:
    """The nexus of a client, by a rule of `RULES`; `number` tells its connection from all others of this process."""
    return nexus_named(RULES[rule](peer, number))


def nexus_named(name: str) -> Nexus:
    """The nexus of a name. Its port is a SAS address made of the name: the same in each run, and on each host."""
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
    return f"connection {number} run {RUN}"


def _by_uid(peer: Peer, _: int) -> str:
    return f"uid {peer.uid}"


def _by_host(_: Peer, __: int) -> str:
    return "host"


RULES: dict[str, Rule] = {"process": _by_process, "connection": _by_connection, "uid": _by_uid, "host": _by_host}


def _start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot (proc(5), field 22 of stat); None where it is not seen."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    after_name = stat.rpartition(b")")[2].split()  # the name may hold blanks and parentheses
    return int(after_name[19])
