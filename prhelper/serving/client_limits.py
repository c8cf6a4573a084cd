"""How many clients there may be: in all, of one account, of one process."""

import collections
from typing import TypeVar

from ..host.peer import Peer

T = TypeVar("T")


class Full(Exception):  # noqa: N818 (it is a state, not an error)
    """There is no room for another client; the text says which limit is reached and how to raise it."""


class ClientLimits:
    """Counts the connections. Used by one thread at a time, the caller's lock held.

    total: connections in all. One account (`Peer.account`) may have half of them, so that no virtual machine, and no
        user, can use up the rest.
    per_process: connections of one process. Not enforced for peers in another PID namespace (reported as PID 0), since
        they may be different virtual machines.
    """

    def __init__(self, total: int, per_process: int) -> None:
        self.total = total
        self.per_account = (total + 1) // 2
        self.per_process = per_process
        self._clients = 0
        self._by_account: collections.Counter[str] = collections.Counter()
        self._by_process: collections.Counter[int] = collections.Counter()

    def enter(self, peer: Peer) -> None:
        """Count one connection more. Raises Full, and counts nothing, if that is one too many."""
        if self._clients >= self.total:
            raise Full(f"there are {self.total} clients already (--max-clients)")
        if peer.pid and self._by_process[peer.pid] >= self.per_process:
            raise Full(f"it has {self.per_process} connections already (--max-clients-per-process)")
        if self._by_account[peer.account] >= self.per_account:
            raise Full(f"{peer.account} has {self.per_account} connections already, half of --max-clients")
        self._clients += 1
        self._by_account[peer.account] += 1
        self._by_process[peer.pid] += 1

    def leave(self, peer: Peer) -> None:
        """One connection less."""
        self._clients -= 1
        _take_one(self._by_account, peer.account)
        _take_one(self._by_process, peer.pid)


def _take_one(counter: "collections.Counter[T]", key: T) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
