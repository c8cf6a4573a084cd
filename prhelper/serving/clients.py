"""The clients: one record each, and the limits on their number."""

import collections
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from ..channel import SocketChannel
from ..device.execution import Result
from ..device.identity import DeviceId
from ..host.machine_name import MachineName, named
from ..host.peer import Peer
from ..scsi.reservation import Command
from .ended import Ended, device_in_words
from .registrations import Registration, is_same_machine
from .seen import Seen
from .take_over import TakeOver

T = TypeVar("T")


class Full(Exception):  # noqa: N818 (it is a state, not an error)
    """There is no room for another client; the text says which limit is reached and how to raise it."""


class InFlight:
    """A command being carried out. device: None until it is known. since: when it began (`time.monotonic`)."""

    __slots__ = ("command", "device", "since")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.since = time.monotonic()
        self.device: DeviceId | None = None

    def in_words(self) -> str:
        """For people: which device, which command, for how long."""
        return f"{device_in_words(self.device)}: {self.command}, for {time.monotonic() - self.since:.0f} s"


class News(NamedTuple):
    """What a command has shown that is worth to be told at once.

    shares_with: the other machines of this host that are registered on the device, where the client is one more.
    took_over: the key of its machine, if it has completed a migration of its reservation to this host.
    """

    shares_with: Sequence[Registration]
    took_over: int | None


class Client:
    """One connection: who it is, what it has in flight, what it has done.

    Only its session writes it, in one thread at a time, but for `machine_name`; any thread may read it.

    number: tells connections of one process apart; never reused.
    asker: who asks: the process that connected or, in the multipath worker, the client of the daemon that did.
    commands: how many were answered, those refused among them.
    machine_name: of its virtual machine; None until it is known (`machine_names`), or for ever.
    connected_at: when (`time.time`).
    """

    __slots__ = (
        "_seen",
        "_take_over",
        "asker",
        "channel",
        "commands",
        "connected_at",
        "in_flight",
        "machine_name",
        "number",
        "peer",
    )

    def __init__(self, number: int, peer: Peer, channel: SocketChannel, seen: Seen) -> None:
        self._seen = seen
        self._take_over = TakeOver()
        self.connected_at = time.time()
        self.number = number
        self.peer = self.asker = peer
        self.channel = channel
        self.commands = 0
        self.in_flight: InFlight | None = None
        self.machine_name: MachineName | None = None

    def begin(self, command: Command) -> InFlight:
        """Record that a complete request is being carried out."""
        self.in_flight = in_flight = InFlight(command)
        return in_flight

    def end(self, command: Command, device: DeviceId | None, result: Result) -> Ended:
        """Record that the command has ended, and how."""
        self.in_flight = None
        self.commands += 1
        return Ended(time.time(), self.number, self.asker, self.machine_name, device, command, result)

    def remember(self, ended: Ended) -> News | None:
        """Remember how a command ended, for those who ask. Returns what is worth to be told at once."""
        if not ended.command.is_out:
            self._take_over.before = ended
            if self._seen.can_be_asked:
                self._seen.add(ended)
            return None
        took_over = self._take_over.key_if_completed_by(ended)
        shares_with = self._seen.add_out(ended)
        return News(shares_with, took_over) if took_over is not None or shares_with else None

    def unfinished(self) -> str:
        """For people: what keeps its session from ending."""
        in_flight = self.in_flight
        return f"{self}: {in_flight.in_words() if in_flight else 'half a request or reply'}"

    def __str__(self) -> str:
        return named(self.asker, self.machine_name)


class Clients:
    """Every client of a server, within its limits. Any thread may call.

    total: connections in all. One account (`Peer.account`) may have half of them, so that no virtual machine and no
        user can use them up.
    seen: what their commands have shown of the devices.
    can_be_asked: see `Seen`.
    per_process: connections of one process. Not enforced for peers in another PID namespace (reported as PID 0), since
        they may be different virtual machines. None: one process, and one account, may have all of them; it is a
        daemon, which has limits itself.
    """

    def __init__(self, total: int, per_process: int | None, can_be_asked: bool = True) -> None:
        self.total = total
        self.per_account = total if per_process is None else (total + 1) // 2
        self.per_process = total if per_process is None else per_process
        self._lock = threading.Lock()
        self._clients: dict[int, Client] = {}
        self._places = 0
        self._by_account: collections.Counter[str] = collections.Counter()
        self._by_process: collections.Counter[int] = collections.Counter()
        self._accepted = 0
        self._commands_of_former = 0
        self.seen = Seen(self._serves, can_be_asked)
        self._commands_before = 0  # of this process

    def enter(self, peer: Peer, channel: SocketChannel, number: int | None = None) -> Client:
        """Give a place to a connection. Raises Full, and changes nothing, at a limit.

        number: of one that another process had, and that keeps it; None for a new one.
        """
        with self._lock:
            self._require_room(peer)
            self._places += 1
            self._by_account[peer.account] += 1
            self._by_process[peer.pid] += 1
            if number is None or number in self._clients:
                number = self._accepted + 1
            self._accepted = max(self._accepted, number)
            client = self._clients[number] = Client(number, peer, channel, self.seen)
        return client

    def give_up_place(self, client: Client) -> None:
        """Free its place. Call this once, before hanging up: a client that sees the hang-up may reconnect at once."""
        with self._lock:
            self._places -= 1
            _take_one(self._by_account, client.peer.account)
            _take_one(self._by_process, client.peer.pid)

    def forget(self, client: Client, handed_over: bool = False) -> None:
        """Drop a client that has gone. handed_over: to another process, which counts its commands."""
        with self._lock:
            del self._clients[client.number]
            if not handed_over:
                self._commands_of_former += client.commands

    def counts(self) -> tuple[int, int]:
        """The highest number given, and the commands of clients that have gone: what another process goes on with."""
        with self._lock:
            return self._accepted, self._commands_of_former + self._commands_before

    def go_on_from(self, accepted: int, answered: int) -> None:
        """Go on with the `counts` of another process; the last of several counts."""
        with self._lock:
            self._accepted = max(self._accepted, accepted)
            self._commands_before = max(self._commands_before, answered)

    def commands(self) -> int:
        """How many commands were answered, for clients that have gone too."""
        with self._lock:
            former = self._commands_before + self._commands_of_former
            return former + sum(client.commands for client in self._clients.values())

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        with self._lock:
            return iter(list(self._clients.values()))

    def _serves(self, peer: Peer, machine_name: MachineName | None) -> bool:
        return any(is_same_machine(peer, machine_name, one.asker, one.machine_name) for one in self)

    def _require_room(self, peer: Peer) -> None:
        if self._places >= self.total:
            raise Full(f"there are {self.total} clients already (--max-clients)")
        if peer.pid and self._by_process[peer.pid] >= self.per_process:
            raise Full(f"it has {self.per_process} connections already (--max-clients-per-process)")
        if self._by_account[peer.account] >= self.per_account:
            raise Full(f"{peer.account} has {self.per_account} connections already, half of --max-clients")


def _take_one(counter: "collections.Counter[T]", key: T) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
