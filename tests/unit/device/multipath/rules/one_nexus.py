"""A cluster as a guest is to see it, with all our paths as one nexus: what a command may leave there, and answer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations_with_replacement, product

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import Command
from prhelper.scsi.transport_id import SasPort

from .....support.spc import ALL_TG_PT
from ...emulated.unit import Answer, answer
from .bare import REGISTERING, Bare
from .cluster import SOURCE, told_everything

US = Nexus("us", SasPort(0x5000_0000_0000_0001))
"""All our paths as one nexus, which is what the guest is to see."""

End = tuple[Answer, tuple[object, ...]]
"""What the guest is told, and the essence of what is left."""


class OneNexus(Bare):
    """start: the unit when the sequence began. begun_at: when that was.

    fenced: when each key was lost last. source_had: the keys of the host that may share ours, in the sequence.
    has_arrived_late: whether a REGISTER of ours has that was given up: APTPL is as in that then.
    """

    def __init__(self, paths: str, ports_known: bool, share_ports: bool) -> None:
        super().__init__(paths, ports_known, share_ports)
        self.start = self.unit
        self.begun_at = 0
        self.fenced: dict[int, int] = {}
        self.source_had: set[int | None] = set()
        self.has_arrived_late = False

    def key(self) -> int:
        """The key that the guest has, if any."""
        return self.memory.key if self.memory.key in self.ours().values() else 0

    def collapsed(self) -> State:
        """The unit with all our paths as one nexus."""
        ours = set(self.nexuses.values())
        others = {each.nexus: each.key for each in self.unit.registrations if each.nexus not in ours}
        key = self.key()
        held = self.unit.reservation
        if held is not None and held.holder in ours:
            held = replace(held, holder=US) if key else None
        if held is not None and held.is_all_registrants and not (key or others):
            held = None  # a path that is away holds it until it is back, and unregistered
        state = replace(self.unit, registrations=(), attentions=(), reservation=held)
        for nexus, each in (({US: key} if key else {}) | others).items():
            state = state.registered([nexus], each)
        return state

    def by_one_nexus(self, command: Command) -> Command:
        """A guest's command as one nexus would send it: it has no ports but one, and names none of ours but itself."""
        data = bytearray(command.parameter_list)
        for nexus in self.nexuses.values():
            data = data.replace(nexus.transport_id.to_bytes(), US.transport_id.to_bytes())
        if command.service_action in REGISTERING:
            data[20] &= ~ALL_TG_PT
        return Command(command.cdb, bytes(data))

    def ends(self, command: Command) -> Iterator[End]:
        """Everything has happened in some order.

        A registration that is lost, but not fenced, is made again by a path that has yet to make it. Our own REGISTERs
        undo what others do to APTPL, from some event on; a loss of power shows that.
        """
        _, key = command.keys or (0, 0)
        registers = command.service_action in REGISTERING and key and self.fenced.get(key, 0) <= self.begun_at
        places = combinations_with_replacement(range(len(self.events) + 1), 2)
        for (first, again), undone_from in product(places, range(len(self.events) + 1)):
            events = [self._undone(event) if at >= undone_from else event for at, event in enumerate(self.events)]
            state = self._replayed(self.start, events[:first])
            state, outcome = execute(state, US, command)
            state = self._replayed(state, events[first:again])
            if registers and state.key_of(US) is None:
                state, outcome = execute(state, US, command)
            state = self._replayed(state, events[again:])
            yield answer(outcome), self.essence(state)

    def _undone(self, event: Callable[[State], State]) -> Callable[[State], State]:
        return lambda state: replace(event(state), aptpl=state.aptpl)

    def _replayed(self, state: State, events: list[Callable[[State], State]]) -> State:
        for event in events:
            state = event(told_everything(state))
        return told_everything(state)

    def essence(self, state: State) -> tuple[object, ...]:
        keys = {str(nexus): key for nexus, key in state.keys().items() if nexus != SOURCE or not self._is_shared()}
        held = state.reservation
        # Whether APTPL was set in the order that counts only matters where another host did not set it, too.
        return keys, held and (held.type, str(held.holder)), state.aptpl and not (self.events or self.has_arrived_late)

    def _is_shared(self) -> bool:
        """Whether the other host that shares our key may have gone with a path of ours that is away."""
        return bool(self.away | self.broken) and self.start.key_of(US) in self.source_had
