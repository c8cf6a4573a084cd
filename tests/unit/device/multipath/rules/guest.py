"""What a guest may ask for, drawn from numbers."""

from collections.abc import Callable, Iterable

from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import ALL_TG_PT, APTPL, SPEC_I_PT
from ...emulated.unit import TYPES, listed, move, out
from .bare import PREEMPTING, REGISTERING
from .cluster import K2, KO, SOURCE, K
from .invariants import Judged


class Guest(Judged):
    """A cluster with a guest that sends whatever there is to send, right or wrong.

    Numbers choose what is done, `events` what comes in between.
    """

    def __init__(
        self, numbers: Iterable[int], events: Iterable[int], paths: str, ports_known: bool, share_ports: bool
    ) -> None:
        super().__init__(paths, ports_known, share_ports)
        self._numbers = iter(numbers)
        self._events = iter(events)

    def number(self) -> int:
        return next(self._numbers, 0)

    def event(self) -> int:
        return next(self._events, 0)

    def choose(self, *things: Callable[[], object]) -> object:
        return things[self.number() % len(things)]()

    def pick(self, *values: int) -> int:
        return values[self.number() % len(values)]

    def guests_command(self) -> Command:
        key = self.pick(self.key(), self.key(), self.key(), K, K2)
        new, kind = self.pick(K, K2), self.pick(*TYPES)
        held = self.unit.reservation
        same = held.type if held else kind
        aptpl = self.pick(0, APTPL)
        makes: tuple[Callable[[], Command], ...] = (
            lambda: out(OutAction.REGISTER, key, new, flags=aptpl | self._reach()),
            lambda: out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, new, flags=aptpl | self._reach()),
            lambda: out(OutAction.RESERVE, key, kind=kind),
            lambda: out(OutAction.RESERVE, key, kind=same),
            lambda: out(OutAction.RELEASE, key, kind=same),
            lambda: out(OutAction.RELEASE, key, kind=kind),
            lambda: out(self.pick(*PREEMPTING), key, key, kind=self.pick(same, kind)),
            lambda: out(OutAction.PREEMPT, key, self.pick(KO, K, K2), kind=kind),
            lambda: out(OutAction.PREEMPT, key, 0, kind=self.pick(same, kind)),
            lambda: out(self.pick(*REGISTERING), key, 0, flags=self._reach()),
            lambda: out(OutAction.CLEAR, key),
            lambda: self._move(key),
            lambda: self._specify(new) if self.may_specify else out(OutAction.REGISTER, 0, new),
        )
        return _marked(makes[self.number() % len(makes)]())

    def command_for_take_over(self) -> Command:
        """What leads to a take-over, or is one: of what the guest holds, as another type as a rule."""
        key, held, kind = self.key(), self.unit.reservation, self.pick(*TYPES[:4])
        if not key:
            return _marked(out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K))
        if held is None or held.holder is None or self.unit.key_of(held.holder) != key:
            return _marked(out(OutAction.RESERVE, key, kind=kind))
        return _marked(out(OutAction.PREEMPT, key, key, kind=kind))

    def _reach(self) -> int:
        return self.pick(0, ALL_TG_PT) if len(self.unit.ports) > 1 else 0

    @property
    def may_specify(self) -> bool:
        """Whether the guest may list ports: where the host has two, through which of them that is shows."""
        return self.ports_known and len(self.unit.ports) == 1

    def _move(self, key: int) -> Command:
        new = self.pick(K, K2) if self.ports_known else KO
        own = [nexus.transport_id for nexus in self.nexuses.values()] if self.ports_known else []
        heir = (SOURCE.transport_id, SOURCE.transport_id, *own)[self.number() % (2 + len(own))]
        return move(key, new, heir, 1, self.pick(0, 2))

    def _specify(self, new: int) -> Command:
        ports = [SOURCE.transport_id, *(nexus.transport_id for nexus in self.nexuses.values())]
        found = ports[self.number() % len(ports)]
        return out(OutAction.REGISTER, self.pick(0, self.key()), new, flags=SPEC_I_PT, additional=listed(found))


def _marked(command: Command) -> Command:
    """A guest's command that none of our own is like: something is in a field that has been obsolete for long."""
    if command.service_action == OutAction.REGISTER_AND_MOVE:
        return command
    data = bytearray(command.parameter_list)
    data[19] = 1
    return Command(command.cdb, bytes(data))
