"""Finds out which virtual machine each client is: at once by its unit, or later by its command line.

Reading a client's command line may block for ever (`host.machine_name`). So neither the main thread nor the leader does
it, but a burst thread, one for each account at a time. A client that holds it up costs a thread, and the names of the
clients of its own account.
"""

import collections
import functools
import threading

from ..channel import current_context
from ..host.machine_name import name_of_unit, read_claimed_name
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError
from .clients import Client


class MachineNames:
    """Gives clients their `machine_name`. Any thread may call."""

    def __init__(self, threads: IOThreads) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._waiting: dict[str, collections.OrderedDict[int, Client]] = {}

    def find(self, client: Client) -> None:
        """Find the name of a client that has connected, now or later. It is looked for once."""
        peer = client.peer
        client.machine_name = name_of_unit(peer.account)
        if client.machine_name is not None or not peer.started:
            return
        with self._lock:
            is_first = peer.account not in self._waiting
            self._waiting.setdefault(peer.account, collections.OrderedDict())[client.number] = client
        if is_first:
            self._threads.spawn(self._read_names(peer.account), lambda _: None)

    def forget(self, client: Client) -> None:
        """Do not look for the name of a client that has gone."""
        with self._lock:
            if (waiting := self._waiting.get(client.peer.account)) is not None:
                waiting.pop(client.number, None)

    async def _read_names(self, account: str) -> None:
        for client in iter(functools.partial(self._next, account), None):
            read = functools.partial(read_claimed_name, client.peer.pid, client.peer.started)
            try:
                name = await current_context().call(None, read)
            except NoThreadError:
                continue  # then it has no name
            if name is not None:
                client.machine_name = name

    def _next(self, account: str) -> Client | None:
        with self._lock:
            waiting = self._waiting[account]
            if waiting:
                return waiting.popitem(last=False)[1]
            del self._waiting[account]
            return None
