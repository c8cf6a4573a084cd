"""What must hold whatever happens to a cluster: what guests are told, who is fenced, which keys are left."""

from collections.abc import Callable

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, State
from prhelper.device.multipath.rules.answers import is_unit_attention
from prhelper.device.multipath.rules.steps import Done, Path
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import ALL_TG_PT, CONFLICT, GOOD, SPEC_I_PT
from ...emulated.unit import Answer, answer
from .bare import PREEMPTING, REGISTERING
from .cluster import K2, NO_PATH, SOURCE, T2, K, T, describe, told_everything, worded
from .one_nexus import US, OneNexus


class Judged(OneNexus):
    """Raises AssertionError, with all that has happened, as soon as something does not hold.

    Whoever plays calls `begin`, `check_instant` and `check_end`, sends our commands by `carry_out_ours` and those of
    other hosts by `carry_out_other`.

    events: the commands of other hosts during the sequence.
    registered: when the guest registered each key last.
    unchanged: paths that were here, and had the old key, as the first path got a new one.
    is_fenced_by_old_key: whether one of them has lost it to others since.
    """

    def __init__(self, paths: str, ports_known: bool, share_ports: bool) -> None:
        super().__init__(paths, ports_known, share_ports)
        self.crashes = 0
        self.has_lost_a_reserve = False
        self.was_fenced = False
        self.time = 0
        self.registered: dict[int, int] = {}
        self.has_registered = 0
        self.commands_since_fencing = 0
        self.begin(None)

    def begin(self, command: Command | None) -> None:
        self.command = command
        self.running = True
        self.usable = self.paths().usable
        self.start = self.collapsed()
        self.begun_at = self.time
        self.was_settled = self.is_in_step() and not self.is_pending() and not self.is_dirty()
        self.source_had = {self.unit.key_of(SOURCE)}
        self.registered_before = {path for path in self.usable if path in self.ours()}
        self.events = []
        self.is_repair = self.journal is not None and self.journal.is_under_way
        if not self.is_repair:
            self.was_fenced = False
        self.broken, self.late, self.failed = set(), set(), set()
        self.has_registered = self.commands_since_fencing = 0
        self.unchanged: set[Path] = set()
        self.is_fenced_by_old_key = False
        self.bare = set()
        self.may_leave = self._may_leave()

    def carry_out_ours(self, path: Path, command: Command) -> Outcome:
        outcome = self.carry_out(self.nexuses[path], command)
        if command.is_out:
            self.log.append(f"  {path} {describe(command)}: {worded(outcome)}   [{self.keys()}] [{self.others()}]")
        itself = command == self.command  # counts most: that of another path may have been sent to settle it
        if answer(outcome) == GOOD and self._is_the_guest_s(command) and self.has_registered < 1 + itself:
            old = self.start.key_of(US)
            with_old = {each for each, key in self.ours().items() if key == old}
            self.unchanged = with_old & {*self.usable} - self.away - self.broken - self.failed
            self.has_registered = 1 + itself
            self.registered[(command.keys or (0, 0))[1]] = self.tick()
        can_write = self.ours().keys() - self.away
        if command.is_out and self.was_fenced and can_write and not is_unit_attention(outcome):
            self.commands_since_fencing += 1
        self.check_instant()
        return outcome

    def _is_the_guest_s(self, command: Command) -> bool:
        """Whether a command gives a path the key that the guest wants registered."""
        wanted = self.command
        if wanted is None or not {command.service_action, wanted.service_action} <= {*REGISTERING}:
            return False
        (old, new), (_, key) = command.keys or (0, 0), wanted.keys or (0, 0)
        return new == key and (old != new or command == wanted)

    def tick(self) -> int:
        self.time += 1
        return self.time

    def carry_out_other(self, nexus: Nexus, command: Command) -> None:
        """A command of another host."""
        _, answered = execute(told_everything(self.unit, nexus), nexus, command)
        text = f"{nexus.name} {describe(command)} type {command.type_code}: {worded(answered)}"
        self.happens(text, lambda unit: execute(told_everything(unit, nexus), nexus, command)[0])

    def happens(self, text: str, event: Callable[[State], State], fences: bool = True) -> None:
        """Something that changes the unit, and is not ours; the keys that we lose by it are fenced, perhaps.

        A temporary key is not: it is nobody's, so no fencer is after it alone. Whoever preempts it while the keeper has
        the guest's key has not fenced the host. The take-over goes on and registers the path again, however many
        commands that takes; were they counted, the limit would be one for what others do, and not for the window in
        which a host that was fenced can write. That opens as the guest's key is lost, before or after the other.
        """
        ours = self.ours()
        self.unit = event(self.unit)
        self.log.append(f"    {text}")
        self.events.append(event)
        self.source_had.add(self.unit.key_of(SOURCE))
        lost = {key for path, key in ours.items() if self.unit.key_of(self.nexuses[path]) is None}
        lost -= {T, T2}
        self.was_fenced = self.was_fenced or bool(lost)
        if lost and fences:
            self.fenced |= dict.fromkeys(lost, self.tick())
            old = self.start.key_of(US)
            still = self.ours()
            is_hit = any(ours.get(path) == old and path not in still for path in self.unchanged)
            self.is_fenced_by_old_key = self.is_fenced_by_old_key or (self.was_settled and is_hit)

    def is_in_step(self) -> bool:
        """Whether all paths that are here are known to have the guest's key, and have it."""
        keys = {self.ours().get(path, 0) for path in self.usable}
        return set(self.usable) <= self.memory.settled and (keys <= {self.key()} or not self.key())

    def is_pending(self) -> bool:
        return self.memory.entry is not None and self.memory.entry.is_under_way

    def is_dirty(self) -> bool:
        """Whether a path that is away has another key than the guest."""
        return any(key != self.key() for key in self.ours().values())

    def check_instant(self) -> None:
        """While a path of ours that is here has a temporary key, fencers that read first find the key it stands for.

        The exceptions are those that `prhelper.device.multipath` states: a fencer has come in between, and the sequence
        has not ended; or the path was away, and has not been settled.
        """
        ours = self.ours()
        in_step = [path for path in self.usable if path in self.memory.settled - self.broken - self.away]
        for path in in_step:
            for key, temporary in ((K, T), (K2, T2)):
                assert ours.get(path) != temporary or key in self.read_keys() or self.was_fenced, self
        if self.running and not self.events and not self.was_fenced and self.was_settled and not self.may_leave:
            for path in in_step:
                assert path in ours or path not in self.registered_before, self

    def _may_leave(self) -> bool:
        """Whether the guest's command is to unregister our paths, be it for a moment, or may be taken to be."""
        if self.command is None or self.command.keys is None:
            return False
        cannot_tell = self.crashes and not self.ports_known and not self.memory.holds
        if cannot_tell and self.command.service_action in PREEMPTING:
            return True  # it cannot be told that a path which is away holds, so that nothing is to be unregistered
        key, new = self.command.keys
        action, held = self.command.service_action, self.start.reservation
        if action in PREEMPTING:
            holds = held is not None and held.holder is not None and self.start.key_of(held.holder) == key
            other_type = held is not None and self.command.type_code != held.type
            is_shared = key in {each for nexus, each in self.start.keys().items() if nexus != US}
            return (new == key and not holds) or (new == 0 and (other_type or is_shared))
        unregisters = action == OutAction.REGISTER_AND_MOVE and bool(self.command.parameter_list[17] & 2)
        return (action in REGISTERING and not new) or action == OutAction.CLEAR or unregisters

    def check_end(self, done: Done) -> None:
        told = answer(done.outcome)
        knows = self._knows_the_holder(told)
        here = [path for path in self.usable if path not in self.away | self.broken]
        if self.is_pending():
            assert told == NO_PATH, self
            return
        ours = self.ours()
        found = {ours.get(path) for path in here}
        assert len(found) <= 1, self
        assert found <= {None, self.memory.key}, self
        assert not found & {T, T2}, self
        for key, when in self.fenced.items():
            assert key not in found or self.registered.get(key, 0) > when, self
        assert not self.is_fenced_by_old_key or found <= {None}, self
        assert self.is_repair or self.commands_since_fencing <= self.max_commands, self
        if self.command is not None and self.was_settled and knows and here and not (told == NO_PATH and self.broken):
            self._check_answer(told, found == {None})

    def _knows_the_holder(self, told: Answer) -> bool:
        """Whether we can know if a reservation with our key is ours: without ports, by our own commands alone."""
        if self.command is not None and self.command.service_action == OutAction.RESERVE and told == NO_PATH:
            self.has_lost_a_reserve = True
        elif self.memory.holds or self.unit.reservation is None:
            self.has_lost_a_reserve = False
        return self.ports_known or not (self.crashes or self.has_lost_a_reserve)

    def _check_answer(self, told: Answer, has_none: bool) -> None:
        """The guest sees one nexus, to which everything happened in some order, or it was fenced."""
        assert self.command is not None
        command = self.by_one_nexus(self.command)
        registers_first = self.command.service_action in REGISTERING and self.start.key_of(US) is None
        reaches_others = bool(self.command.parameter_list[20] & ALL_TG_PT)
        cannot_tell = registers_first and bool(self.events and (self.broken or reaches_others))
        # Of two paths that have gone away, one may have got the key by a command that it has not answered, or lost it.
        cannot_tell = cannot_tell or bool(self.events and len(self.broken) > 1)
        if (self.was_fenced or cannot_tell) and told == CONFLICT and has_none:
            return
        ends = list(self.ends(command))
        assert (told, self.essence(self.collapsed())) in ends, f"{ends}\n{self}"

    def may_be_half_done(self, command: Command) -> bool:
        """Whether a command cannot be undone, and is many: all are preempted, or ports specified."""
        if command.service_action in REGISTERING:
            return bool(command.parameter_list[20] & SPEC_I_PT)
        return command.service_action in PREEMPTING and not (command.keys or (0, 0))[1]

    @property
    def max_commands(self) -> int:
        """How many commands of ours may follow one that fences, until the sequence has unregistered the last path."""
        return 4 * len({*self.usable, *self.broken})
