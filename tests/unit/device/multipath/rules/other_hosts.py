"""What other hosts do, drawn from numbers: one that may share our key, and one that fences."""

from collections.abc import Callable, Iterable, Iterator

from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import APTPL
from ...emulated.unit import TYPES, out
from .cluster import K2, KO, OTHER, SOURCE, K
from .guest import Guest


class OtherHosts(Guest):
    """fencer: one that is at work."""

    def __init__(
        self, numbers: Iterable[int], events: Iterable[int], paths: str, ports_known: bool, share_ports: bool
    ) -> None:
        super().__init__(numbers, events, paths, ports_known, share_ports)
        self.fencer: Iterator[None] | None = None

    def _others_turn(self) -> None:
        """Another host's command, right or wrong."""
        nexus = (OTHER, OTHER, SOURCE)[self.number() % 3] if self.ports_known else OTHER
        key = self.unit.key_of(nexus) or 0
        fresh = self.pick(KO, KO + 1) if nexus == OTHER else self.pick(K, KO)
        kind = self.pick(*TYPES)
        held = self.unit.reservation
        makes: tuple[Callable[[], Command], ...] = (
            lambda: out(OutAction.REGISTER, key, fresh, flags=self.pick(0, APTPL)),
            lambda: out(OutAction.RESERVE, key, kind=kind),
            lambda: out(OutAction.PREEMPT, key, self.pick(K, K2), kind=kind),
            lambda: out(OutAction.PREEMPT, key, self.pick(K, *self.read_keys()), kind=kind),
            lambda: out(OutAction.RELEASE, key, kind=held.type if held else kind),
            lambda: out(OutAction.CLEAR, key),
            lambda: out(OutAction.REGISTER, key, 0),
        )
        self.carry_out_other(nexus, makes[self.number() % len(makes)]())

    def _reading_fencer(self, victim: int) -> Iterator[None]:
        """A fencer that reads first, as fence_scsi and fence_mpath do, one command a turn."""
        if self.unit.key_of(OTHER) is None:
            self.carry_out_other(OTHER, out(OutAction.REGISTER, 0, KO))
            yield
        while victim in self.read_keys():
            yield
            key = self.unit.key_of(OTHER) or KO
            self.carry_out_other(OTHER, out(OutAction.PREEMPT, key, victim, kind=TYPES[2]))
            yield
        self.fencer = None
