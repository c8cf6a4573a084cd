"""What may happen in a cluster, drawn from numbers, and what must hold whatever happens.

A story is played from two lists of numbers: what is done, and what comes in between. Each number chooses among what is
possible, and an exhausted list says 0 for ever, which is the simplest; of what comes in between, nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, State
from prhelper.device.multipath import rules
from prhelper.device.multipath.rules.answers import is_unit_attention
from prhelper.device.multipath.rules.steps import Done, Memory, Path, Steps, Tell
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction
from prhelper.scsi.transport_id import SasPort

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import TYPES, Answer, answer, move, out
from .cluster import (
    DEAD,
    K2,
    KO,
    NO_PATH,
    OTHER,
    SOURCE,
    T2,
    Cluster,
    CrashError,
    K,
    T,
    describe,
    told_everything,
    worded,
)

US = Nexus("us", SasPort(0x5000_0000_0000_0001))
"""All our paths as one nexus, which is what the guest is to see."""

_REGISTERING = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
_PREEMPTING = (OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT)
_GUEST_KEYS = (K, K2)


class Story(Cluster):
    """Raises AssertionError as soon as something does not hold."""

    def __init__(self, numbers: Iterable[int], events: Iterable[int], paths: str, ports_known: bool) -> None:
        super().__init__(paths=paths, ports_known=ports_known)
        self._numbers = iter(numbers)
        self._events = iter(events)
        self.interfere = self._interfere
        self.log: list[str] = []
        self.crashes = 0
        self.known_to_multipathd = "none"
        self.reply = self._reply
        self.was_fenced = False
        self.time = 0
        self.fenced: dict[int, int] = {}
        self.registered: dict[int, int] = {}
        self.has_registered = 0
        self.commands_since_fencing = 0
        self.fencer: Iterator[None] | None = None
        self._begin(None)

    # Choosing

    def number(self) -> int:
        return next(self._numbers, 0)

    def event(self) -> int:
        return next(self._events, 0)

    def choose(self, *things: Callable[[], object]) -> object:
        return things[self.number() % len(things)]()

    def pick(self, *values: int) -> int:
        return values[self.number() % len(values)]

    # The guest, and the process

    def play(self) -> None:
        """One guest's command, or what the daemon does by itself; perhaps with a crash, and the restart."""
        self.choose(self._guest, self._guest, self._guest, self._guest, self._watch, self._kill, self._others_turn)
        for path in list(self.away):
            if self.number() % 2:
                self._return(path)

    def end(self) -> None:
        """Everything comes back, and is looked after."""
        self._events = iter(())
        for path in list(self.away):
            self._return(path)
        self._watch()
        self._watch()
        keys = {self.unit.key_of(nexus) for nexus in self.nexuses.values()}
        assert keys <= {None, self.memory.key}, self
        assert len(keys) == 1, self

    def _guest(self) -> None:
        command = self._command()
        self._sequence(lambda: rules.execute(self.memory, self.paths(), command), command)

    def _watch(self) -> None:
        self._sequence(lambda: rules.look_after(self.memory, self.paths()), None)

    def _kill(self) -> None:
        """Killed between two sequences."""
        self._crashed()

    def _sequence(self, make: Callable[[], Steps[Done]], command: Command | None) -> None:
        self._begin(command)
        self.log.append(f"{describe(command) if command else 'daemon'} {self.memory}")
        try:
            done = self.run(make())
        except CrashError:
            self._crashed()
            return
        self.running = False
        self.log.append(f"  {worded(done.outcome)}  [{self.keys()}] [{self.others()}]")
        self._check_end(done)

    def _crashed(self) -> None:
        """The sequence was cut off: everything or nothing has happened, in the end."""
        command, start, calm = self.command, self.start, self.was_settled and not (self.events or self.broken)
        self.log.append("crash")
        self.memory = Memory(entry=self.journal)
        self.crashes += 1
        crashes = self.crashes
        self._watch()
        calm = calm and crashes == self.crashes and self.memory.is_recalled
        if command is not None and calm and not (self.events or self.broken or self.is_pending()):
            done, _ = execute(start, US, command)
            allowed = [self._essence(start)[:2], self._essence(told_everything(done))[:2]]
            assert self._essence(self.collapsed())[:2] in allowed, f"{allowed}\n{self}"

    def in_order(self, orders: Sequence[tuple[Path, Command]]) -> Sequence[tuple[Path, Command]]:
        return orders if self.event() % 2 == 0 else orders[::-1]

    def _reply(self, request: Tell) -> str:
        if request.verb == "getprkey":
            return self.known_to_multipathd
        if self.ports_known and self.event() % 8 == 1:
            return "fail"
        if request.verb in ("setprkey", "unsetprkey"):
            self.known_to_multipathd = request.argument.removeprefix("key ") or "none"
        return "ok"

    def _command(self) -> Command:
        key = self.pick(self.key(), self.key(), self.key(), K, K2)
        new, kind = self.pick(K, K2), self.pick(*TYPES)
        held = self.unit.reservation
        same = held.type if held else kind
        makes: tuple[Callable[[], Command], ...] = (
            lambda: out(OutAction.REGISTER, key, new, flags=self.pick(0, 1)),
            lambda: out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, new, flags=self.pick(0, 1)),
            lambda: out(OutAction.RESERVE, key, kind=kind),
            lambda: out(OutAction.RESERVE, key, kind=same),
            lambda: out(OutAction.RELEASE, key, kind=same),
            lambda: out(OutAction.RELEASE, key, kind=kind),
            lambda: out(self.pick(*_PREEMPTING), key, key, kind=self.pick(same, kind)),
            lambda: out(OutAction.PREEMPT, key, self.pick(KO, K, K2), kind=kind),
            lambda: out(OutAction.PREEMPT, key, 0, kind=self.pick(same, kind)),
            lambda: out(self.pick(*_REGISTERING), key, 0),
            lambda: out(OutAction.CLEAR, key),
            lambda: move(key, self.pick(K, K2) if self.ports_known else KO, SOURCE.transport_id, 1, self.pick(0, 2)),
        )
        return makes[self.number() % len(makes)]()

    # What happens in between

    def _interfere(self, path: Path | None, command: Command | None) -> Outcome | None:
        self._check_instant()
        outcome: Outcome | None = None
        while True:
            event = self.event() % 16
            if event == 1:
                self._others_turn()
            elif event == 2:
                self.fencer = self.fencer or self._reading_fencer(self.pick(*_GUEST_KEYS))
                next(self.fencer, None)
            elif event == 3 and path is not None:
                self._leave(path)
                return None
            elif event == 4 and path is not None and command is not None and path not in self.away:
                self._carry_out(path, command)
                self._leave(path)  # the answer is lost
                return None
            elif event == 5 and path is not None:  # the path is away for a moment
                self.broken.add(path)
                return DEAD
            elif event == 6:
                self._leave(list(self.nexuses)[self.number() % len(self.nexuses)])
            elif event == 7 and self.away:
                self._return(min(self.away))
            elif event == 8 and self.running:
                raise CrashError
            else:
                break
            self._check_instant()
        if path is not None and command is not None and path not in self.away and outcome is None:
            return self._carry_out(path, command)
        return outcome

    def _carry_out(self, path: Path, command: Command) -> Outcome:
        outcome = self.carry_out(self.nexuses[path], command)
        if command.is_out:
            self.log.append(f"  {path} {describe(command)}: {worded(outcome)}   [{self.keys()}] [{self.others()}]")
        itself = command == self.command  # counts most: that of another path may have been sent to settle it
        if answer(outcome) == GOOD and self._is_the_guest_s(command) and self.has_registered < 1 + itself:
            self.has_registered = 1 + itself
            self.registered[(command.keys or (0, 0))[1]] = self.tick()
        if command.is_out and self.was_fenced and not is_unit_attention(outcome):
            self.commands_since_fencing += 1
        self._check_instant()
        return outcome

    def _is_the_guest_s(self, command: Command) -> bool:
        """Whether a command gives a path the key that the guest wants registered."""
        wanted = self.command
        if wanted is None or not {command.service_action, wanted.service_action} <= {*_REGISTERING}:
            return False
        (old, new), (_, key) = command.keys or (0, 0), wanted.keys or (0, 0)
        return new == key and (old != new or command == wanted)

    def tick(self) -> int:
        self.time += 1
        return self.time

    def _leave(self, path: Path) -> None:
        self.log.append(f"{path} leaves")
        self.away.add(path)
        self.broken.add(path)

    def _return(self, path: Path) -> None:
        self.log.append(f"{path} returns")
        self.away.discard(path)
        self.broken.add(path)
        if self.event() % 2:
            self._registered_by_multipathd(path)

    def _registered_by_multipathd(self, path: Path) -> None:
        """It registers a path that has come back, if it knows the key, and the unit has it of another path of ours."""
        if self.known_to_multipathd == "none" or (self.journal is not None and self.journal.doubtful):
            return
        key = int(self.known_to_multipathd.partition(":")[0], 16)
        if key in [each for other, each in self._ours().items() if other != path]:
            action = OutAction.REGISTER_AND_IGNORE_EXISTING_KEY
            self.by(self.nexuses[path], out(action, 0, key, flags=int(self.unit.aptpl)))
            self.log.append(f"  multipathd registers {path}")

    def _others_turn(self) -> None:
        """Another host's command, right or wrong."""
        nexus = (OTHER, OTHER, SOURCE)[self.number() % 3] if self.ports_known else OTHER
        key = self.unit.key_of(nexus) or 0
        fresh = KO if nexus == OTHER else self.pick(K, KO)
        kind = self.pick(*TYPES)
        held = self.unit.reservation
        makes: tuple[Callable[[], Command], ...] = (
            lambda: out(OutAction.REGISTER, key, fresh),
            lambda: out(OutAction.RESERVE, key, kind=kind),
            lambda: out(OutAction.PREEMPT, key, self.pick(K, K2), kind=kind),
            lambda: out(OutAction.RELEASE, key, kind=held.type if held else kind),
            lambda: out(OutAction.CLEAR, key),
            lambda: out(OutAction.REGISTER, key, 0),
        )
        self._other(nexus, makes[self.number() % len(makes)]())

    def _other(self, nexus: Nexus, command: Command) -> None:
        ours = self._ours()
        answered = self.by(nexus, command)
        self.log.append(f"    {nexus.name} {describe(command)} type {command.type_code}: {answered}")
        self.events.append((nexus, command))
        lost = {key for path, key in ours.items() if self.unit.key_of(self.nexuses[path]) is None}
        if lost:
            self.was_fenced = True
            self.fenced |= dict.fromkeys(lost, self.tick())

    def _reading_fencer(self, victim: int) -> Iterator[None]:
        """A fencer that reads first, as fence_scsi and fence_mpath do, one command a turn."""
        if self.unit.key_of(OTHER) is None:
            self._other(OTHER, out(OutAction.REGISTER, 0, KO))
            yield
        while victim in self.read_keys():
            yield
            self._other(OTHER, out(OutAction.PREEMPT, KO, victim, kind=TYPES[2]))
            yield
        self.fencer = None

    # What must hold

    def _begin(self, command: Command | None) -> None:
        self.command = command
        self.running = True
        self.usable = self.paths().usable
        self.start = self.collapsed()
        self.was_settled = set(self.usable) <= self.memory.settled and not self.is_pending() and not self.is_dirty()
        self.registered_before = {path for path in self.usable if path in self._ours()}
        self.events: list[tuple[Nexus, Command]] = []
        self.is_repair = self.journal is not None and self.journal.is_under_way
        if not self.is_repair:
            self.was_fenced = False
        self.broken: set[Path] = set()
        self.has_registered = 0
        self.commands_since_fencing = 0

    def is_pending(self) -> bool:
        return self.memory.entry is not None and self.memory.entry.is_under_way

    def is_dirty(self) -> bool:
        """Whether a path that is away has another key than the guest."""
        return any(key != self.key() for key in self._ours().values())

    def _ours(self) -> dict[Path, int]:
        keys = {path: self.unit.key_of(nexus) for path, nexus in self.nexuses.items()}
        return {path: key for path, key in keys.items() if key is not None}

    def key(self) -> int:
        """The key that the guest has, if any."""
        return self.memory.key if self.memory.key in self._ours().values() else 0

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

    def _check_instant(self) -> None:
        """While a path of ours that is here has a temporary key, fencers that read first find the key it stands for.

        The exceptions are those that `prhelper.device.multipath` states: a fencer has come in between, and the sequence
        has not ended; or the path was away, and has not been settled.
        """
        ours = self._ours()
        in_step = [path for path in self.usable if path in self.memory.settled - self.broken - self.away]
        for path in in_step:
            for key, temporary in ((K, T), (K2, T2)):
                assert ours.get(path) != temporary or key in self.read_keys() or self.was_fenced, self
        if self.running and not self.events and not self.was_fenced and self.was_settled and not self._may_leave():
            for path in in_step:
                assert path in ours or path not in self.registered_before, self

    def _may_leave(self) -> bool:
        """Whether the guest's command is to unregister our paths, be it for a moment."""
        if self.command is None or self.command.keys is None:
            return False
        key, new = self.command.keys
        action, held = self.command.service_action, self.start.reservation
        if action in _PREEMPTING:
            holds = held is not None and held.holder is not None and self.start.key_of(held.holder) == key
            other_type = held is not None and self.command.type_code != held.type
            is_shared = key in {each for nexus, each in self.start.keys().items() if nexus != US}
            return (new == key and not holds) or (new == 0 and (other_type or is_shared))
        unregisters = action == OutAction.REGISTER_AND_MOVE and bool(self.command.parameter_list[17] & 2)
        return (action in _REGISTERING and not new) or action == OutAction.CLEAR or unregisters

    def _check_end(self, done: Done) -> None:
        told = answer(done.outcome)
        here = [path for path in self.usable if path not in self.away | self.broken]
        if self.is_pending():
            assert told == NO_PATH, self
            return
        ours = self._ours()
        found = {ours.get(path) for path in here}
        assert len(found) <= 1, self
        assert found <= {None, self.memory.key}, self
        for key, when in self.fenced.items():
            assert key not in found or self.registered.get(key, 0) > when, self
        assert self.is_repair or self.commands_since_fencing <= self.max_commands, self
        knows = self.ports_known or not self.crashes
        if self.command is not None and self.was_settled and knows and here and not (told == NO_PATH and self.broken):
            self._check_answer(told, found == {None})

    def _check_answer(self, told: Answer, has_none: bool) -> None:
        """The guest sees one nexus, to which everything happened in some order, or it was fenced."""
        assert self.command is not None
        registers_first = self.command.service_action in _REGISTERING and self.start.key_of(US) is None
        cannot_tell = registers_first and bool(self.events and self.broken)
        if (self.was_fenced or cannot_tell) and told == CONFLICT and has_none:
            return
        ends = []
        for place in range(len(self.events) + 1):
            state = self._replayed(self.start, self.events[:place])
            state, outcome = execute(state, US, self.command)
            state = self._replayed(state, self.events[place:])
            ends.append((answer(outcome), self._essence(state)))
        assert (told, self._essence(self.collapsed())) in ends, f"{ends}\n{self}"

    def _replayed(self, state: State, events: list[tuple[Nexus, Command]]) -> State:
        for nexus, command in events:
            state, _ = execute(told_everything(state), nexus, command)
        return told_everything(state)

    def _essence(self, state: State) -> tuple[object, ...]:
        keys = {str(nexus): key for nexus, key in state.keys().items() if nexus != SOURCE or not self._is_shared()}
        held = state.reservation
        # Whether APTPL was set in the order that counts only matters where another host did not set it, too.
        return keys, held and (held.type, str(held.holder)), state.aptpl and not self.events

    def _is_shared(self) -> bool:
        """Whether the other host that shares our key may have gone with a path of ours that is away."""
        return bool(self.away | self.broken) and self.start.key_of(SOURCE) == self.start.key_of(US)

    @property
    def max_commands(self) -> int:
        """How many commands of ours may follow one that fences, until the sequence has ended."""
        return 4 * len(self.usable)

    def __str__(self) -> str:
        return "\n".join(["", *self.log])
