"""How many clients there may be, in all and of one process."""

import collections


class Full(Exception):  # noqa: N818 (it is a state, not an error)
    """There is no room for another client; the text says which limit is reached and how to raise it."""


class ClientLimits:
    """Counts the connections. Used by one thread at a time, the caller's lock held.

    total: connections in all.
    per_process: connections of one process, so that one virtual machine cannot use up the rest. Not asked of those
        whose process cannot be seen from here, pid 0: they may be many machines.
    """

    def __init__(self, total: int, per_process: int) -> None:
        self.total = total
        self.per_process = per_process
        self._clients = 0
        self._by_process: collections.Counter[int] = collections.Counter()

    def enter(self, pid: int) -> None:
        """Count one connection more. Raises Full, and counts nothing, if that is one too many."""
        if self._clients >= self.total:
            raise Full(f"there are {self.total} clients already (--max-clients)")
        if pid and self._by_process[pid] >= self.per_process:
            raise Full(f"it has {self.per_process} connections already (--max-clients-per-process)")
        self._clients += 1
        self._by_process[pid] += 1

    def leave(self, pid: int) -> None:
        """One connection less."""
        self._clients -= 1
        self._by_process[pid] -= 1
        if not self._by_process[pid]:
            del self._by_process[pid]
