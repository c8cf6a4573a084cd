"""What the commands of all clients have shown of each device, for those who ask.

Written after each answer, by the thread that sent it. Nothing here makes a system call, but to wake who watches, and to
read in sysfs to which unit a registration went.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from ..device.identity import DeviceId
from ..device.unit import Unit
from ..host.machine_name import MachineName
from ..host.peer import Peer
from ..scsi.status import Status
from .ended import Ended
from .registrations import CHANGING, Registration, Registrations
from .watching import Watchers

MAX_ANSWERED = 4096
"""Devices remembered that have answered a command: more than a host has disks."""

MAX_REFUSED = 256
"""Devices remembered that never saw one. A client can make them, so the oldest is forgotten first."""

UNIT_LASTS = 1.0
"""Seconds until sysfs is asked again which unit a device is: that takes 15 us and more of a command's 45."""

NOT_SENT = -1
"""In place of a status: the device never saw the command."""

_NO_UNIT = Unit(None, frozenset())
_GOOD = int(Status.GOOD)  # a plain integer: an enumeration takes its time

Serves = Callable[[Peer, MachineName | None], bool]
"""Whether a machine is connected now."""


class SeenDevice:
    """One device. first_at, last_at: `time.time`. outcomes: how many commands ended with which status, or NOT_SENT.

    last: the last OUT command that ended well. map_name, wwid: of the multipath map, once a command has gone there.
    unit: which it was when a registration last went there, as sysfs had it at unit_at (`time.time`).
    on_unit: the registrations on that unit. registrations: those of them that share a nexus with it; only in copies.
    """

    __slots__ = (
        "first_at",
        "last",
        "last_at",
        "map_name",
        "on_unit",
        "outcomes",
        "registrations",
        "slowest",
        "slowest_seconds",
        "unit",
        "unit_at",
        "wwid",
    )

    def __init__(self, at: float) -> None:
        self.first_at = self.last_at = at
        self.outcomes: dict[int, int] = {}
        self.slowest: Ended | None = None
        self.slowest_seconds = -1.0
        self.last: Ended | None = None
        self.map_name: str | None = None
        self.wwid: str | None = None
        self.unit = _NO_UNIT
        self.unit_at = 0.0
        self.on_unit = Registrations()
        self.registrations: list[Registration] = []

    def slower(self, ended: Ended) -> None:
        """Remember the slowest command so far."""
        self.slowest = ended.without_data()
        self.slowest_seconds = ended.result.seconds

    def copy(self) -> "SeenDevice":
        """The same, as it is now."""
        copy = SeenDevice(self.first_at)
        for name in self.__slots__:
            setattr(copy, name, getattr(self, name))
        copy.outcomes = dict(self.outcomes)
        return copy

    def add_node(self, other: "SeenDevice") -> None:
        """Add what was seen of another node of the same disk. Only for copies."""
        self.first_at, self.last_at = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        for status, count in other.outcomes.items():
            self.outcomes[status] = self.outcomes.get(status, 0) + count
        if other.slowest_seconds > self.slowest_seconds:
            self.slowest, self.slowest_seconds = other.slowest, other.slowest_seconds
        if self.last is None or (other.last is not None and other.last.at > self.last.at):
            self.last = other.last
        self.registrations += [one for one in other.registrations if one not in self.registrations]


class Seen:
    """All devices. Any thread may call.

    serves: see `Serves`. watchers: who is told of each OUT command.
    can_be_asked: False where there is no control socket. Then only who is registered is followed, for the warning.
    omitted: how many commands were for devices that there was no room for.
    """

    def __init__(self, serves: Serves, can_be_asked: bool = True) -> None:
        self._serves = serves
        self.can_be_asked = can_be_asked
        self._lock = threading.Lock()
        self._answered: dict[DeviceId, SeenDevice] = {}
        self._refused: dict[DeviceId, SeenDevice] = {}
        self._registrations: dict[str, Registrations] = {}  # by the key of the unit
        self.watchers = Watchers()
        self.omitted = 0

    def add(self, ended: Ended) -> SeenDevice | None:
        """Remember a command that has ended. Each command passes here: what is rare is elsewhere.

        Returns the device if it has answered, and there is room for it.
        """
        outcome, seconds, trouble, _, _, note = ended.result
        seen = self._answered.get(ended.device)  # type: ignore[arg-type]  # None is there not
        if seen is None or trouble is not None or note is not None:
            return self._add_slowly(ended)
        status = outcome.status
        with self._lock:
            seen.last_at = ended.at
            seen.outcomes[status] = seen.outcomes.get(status, 0) + 1
            if seconds > seen.slowest_seconds:
                seen.slower(ended)
        return seen

    def add_out(self, ended: Ended) -> Sequence[Registration]:
        """Remember a PERSISTENT RESERVE OUT, and what it has changed, and tell who watches.

        Returns the other machines on this device, if the command registered one more than the first. They are told
        once, until no machine is registered any more.
        """
        result = ended.result
        if self.can_be_asked:
            seen = self.add(ended)
            if self.watchers.all:
                self.watchers.put(ended)
        else:
            seen = self._answered.get(ended.device) or self._add_slowly(ended)  # type: ignore[arg-type]
        if seen is None or result.outcome.status != _GOOD:
            return ()
        seen.last = ended
        if ended.command.service_action not in CHANGING:
            return ()
        if not 0 <= ended.at - seen.unit_at < UNIT_LASTS:
            self._find_unit(seen, ended)
        with self._lock:
            others = seen.on_unit.change(ended, seen.unit.addresses)
        return self._to_warn_of(seen.on_unit, others) if others and not result.emulated else ()

    def all(self) -> Iterator[tuple[DeviceId, SeenDevice]]:
        """Every device, each as it is when it is taken. The lock is held for one at a time: sessions wait for it."""
        for device, seen in [*self._refused.copy().items(), *self._answered.copy().items()]:
            with self._lock:
                copy = seen.copy()
                copy.registrations = seen.on_unit.by(seen.unit.addresses)
            yield device, copy

    def _find_unit(self, seen: SeenDevice, ended: Ended) -> None:
        """Find out which unit the device is now. If it was another before, forget who is registered on that one."""
        assert ended.device is not None
        # An emulated unit is the device itself.
        emulated = ended.result.emulated
        unit = Unit(None, frozenset({str(ended.device)})) if emulated else ended.device.unit()
        with self._lock:
            if seen.unit.key != unit.key and (former := self._registrations.pop(seen.unit.key, None)) is not None:
                former.clear()
            seen.on_unit = self._registrations.setdefault(unit.key, Registrations())
            seen.unit, seen.unit_at = unit, ended.at

    def __len__(self) -> int:
        return len(self._answered) + len(self._refused)

    def _add_slowly(self, ended: Ended) -> SeenDevice | None:
        device, result = ended.device, ended.result
        if device is None or not device.is_device:
            return None
        status = result.outcome.status if result.trouble is None else NOT_SENT
        with self._lock:
            seen = self._answered.get(device) or self._make(device, status)
            if seen is None:
                self.omitted += 1
                return None
            seen.last_at = ended.at
            seen.outcomes[status] = seen.outcomes.get(status, 0) + 1
            if result.seconds > seen.slowest_seconds:
                seen.slower(ended)
            if result.note is not None:
                seen.map_name, seen.wwid = result.note.map_name, result.note.wwid
        return seen if result.trouble is None else None

    def _make(self, device: DeviceId, status: int) -> SeenDevice | None:
        if status == NOT_SENT:
            if (seen := self._refused.get(device)) is None:
                if len(self._refused) >= MAX_REFUSED:
                    del self._refused[next(iter(self._refused))]
                seen = self._refused[device] = SeenDevice(time.time())
            return seen
        if len(self._answered) >= MAX_ANSWERED:
            return None
        seen = self._refused.pop(device) if device in self._refused else SeenDevice(time.time())
        self._answered[device] = seen
        return seen

    def _to_warn_of(self, registrations: Registrations, others: Sequence[Registration]) -> Sequence[Registration]:
        """Those that are connected, unless they were returned before. Slow, and rare: it looks at each client."""
        connected = [one for one in others if self._serves(one.peer, one.machine_name)]
        with self._lock:
            registrations.replaced([one for one in others if one not in connected])
            if not connected or registrations.warned:
                return ()
            registrations.warned = True
        return connected
