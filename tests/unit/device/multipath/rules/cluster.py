"""A cluster in miniature: an emulated unit, the paths of our host to it, and another host's nexuses.

The unit is the one of `--emulate`, whose rules are held against the kernel's own target elsewhere. The cluster carries
out the steps of our rules, one command at a time. What is to happen in between does so in `interfere`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, Registration, Reservation, State, reservation_of
from prhelper.device.multipath import rules
from prhelper.device.multipath.rules.commands import keys_in, temporary_key
from prhelper.device.multipath.rules.steps import Done, Entry, Look, Memory, Note, Path, Paths, Send, Step, Steps, Tell
from prhelper.scsi import sense
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, InAction, OutAction, ReservationType
from prhelper.scsi.status import status_name
from prhelper.scsi.transport_id import SasPort

from .....support.spc import GOOD, Codes
from ...emulated.unit import Answer, answer, out

K, K2, KO = 0xAAAA_0001, 0xBBBB_0002, 0xCCCC_0003
T, T2 = temporary_key(K, ()), temporary_key(K2, ())
NAMES = {0: "0", K: "K", K2: "K2", KO: "O", T: "T", T2: "T2"}

OURS = {name: Nexus(name, SasPort(0x5000_0000_0000_0000 | number)) for number, name in enumerate("abcd", 0xA)}
OTHER = Nexus("other", SasPort(0x5000_0000_0000_00FF))
SOURCE = Nexus("source", SasPort(0x5000_0000_0000_00EE))
"""Another host, and the one that a virtual machine migrates from, which may share our key."""

DEAD = check_condition(sense.LUN_NOT_RESPONDING)
NO_PATH: Codes = (0x0B, 0x08, 0x00)

SHORT: dict[int, str] = {
    OutAction.REGISTER_AND_IGNORE_EXISTING_KEY: "IGNORE",
    OutAction.REGISTER_AND_MOVE: "MOVE",
    OutAction.PREEMPT_AND_ABORT: "ABORT",
}

Interference = Callable[[Path | None, Command | None], Outcome | None]


class CrashError(Exception):
    """The process that carries the rules out is killed."""


def undisturbed(_: Path | None, __: Command | None) -> None:
    """Nothing happens."""


class Cluster:
    """keys: which of our paths are registered, and with what. holder: the nexus that holds a reservation of `kind`.

    away: paths that do not answer.

    before, after: what happens when the unit is about to receive a command, or has carried it out, by its description
    (`a REGISTER 0>K`); once.
    """

    def __init__(
        self,
        keys: dict[str, int] | None = None,
        holder: Nexus | None = None,
        kind: ReservationType = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
        paths: str = "ab",
        ports_known: bool = True,
        others: dict[Nexus, int] | None = None,
        share_ports: bool = False,
    ) -> None:
        self.nexuses = {name: OURS[name] for name in paths}
        if share_ports:  # of two paths each, one initiator port through two ports of the unit
            pairs = zip(paths[::2], paths[1::2], strict=True)
            self.nexuses |= {second: Nexus(second, OURS[first].transport_id, 2) for first, second in pairs}
        registered = {self.nexuses[path]: key for path, key in (keys or {}).items()} | (others or {})
        self.unit = State(
            registrations=tuple(starmap(Registration, registered.items())),
            reservation=None if holder is None else reservation_of(kind, holder),
            ports=(1, 2) if share_ports else (1,),
        )
        self.away: set[Path] = set()
        self.ports_known = ports_known
        self.ports = frozenset(nexus.transport_id for nexus in self.nexuses.values())
        key = next(iter((keys or {}).values()), 0)
        ours = holder in self.nexuses.values()
        counted = (keys or {}).values() if ports_known else registered.values()
        self.memory = Memory(
            True, key, ours, settled=frozenset(self.nexuses), registered=[*counted].count(key) if key else 0
        )
        self.journal: Entry | None = None
        self.interfere: Interference = undisturbed
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        self.sent: list[str] = []
        self.requests: list[str] = []
        self.reply: Callable[[Tell], str] = lambda request: "none" if request.verb == "getprkey" else "ok"

    def paths(self) -> Paths:
        """The map as it is now."""
        usable = tuple(path for path in self.nexuses if path not in self.away)
        return Paths(usable, self.ports if self.ports_known else frozenset())

    def guest(self, command: Command) -> Answer:
        """A guest's command, and the answer to it."""
        return answer(self.run(rules.execute(self.memory, self.paths(), command)).outcome)

    def look_after(self) -> None:
        """What the watcher does."""
        self.run(rules.look_after(self.memory, self.paths()))

    def restart(self) -> None:
        """What a new process does, which has the journal and no memory."""
        self.memory = Memory(entry=self.journal)
        self.look_after()

    def run(self, steps: Steps[Done]) -> Done:
        """Carry out a sequence."""
        self.sent, self.requests = [], []
        done = rules.carry_out(steps, self.step)
        self.memory = done.memory
        return done

    def step(self, step: Step) -> object:
        """Carry out one step."""
        if isinstance(step, Send):
            assert step.orders
            outcomes = {path: self.deliver(path, command) for path, command in self.in_order(step.orders)}
            return [outcomes[path] for path, _ in step.orders]
        self.interfere(None, None)
        if isinstance(step, Look):
            return self.paths()
        if isinstance(step, Note):
            self.journal = step.entry
            return None
        self.requests.append(f"{step.verb} {step.argument}".strip())
        return self.reply(step)

    def in_order(self, orders: Sequence[tuple[Path, Command]]) -> Sequence[tuple[Path, Command]]:
        """The order in which commands that are sent at once arrive."""
        return orders

    def deliver(self, path: Path, command: Command) -> Outcome:
        """A command of ours on its way, by a path that may be away by now."""
        text = f"{path} {describe(command)}"
        self.before.pop(text, lambda: None)()
        instead = self.interfere(path, command)
        outcome = DEAD if path in self.away else instead or self.carry_out(self.nexuses[path], command)
        self.after.pop(text, lambda: None)()
        outcome = DEAD if path in self.away else outcome
        if command.is_out:
            self.sent.append(text if answer(outcome) == GOOD else f"{text}: {worded(outcome)}")
        return outcome

    def carry_out(self, nexus: Nexus, command: Command) -> Outcome:
        """What the unit does."""
        self.unit, outcome = execute(self.unit, nexus, command)
        return outcome

    def by(self, nexus: Nexus, command: Command) -> Answer:
        """A command of another host, which does not stop at unit attentions."""
        self.unit = told_everything(self.unit, nexus)
        return answer(self.carry_out(nexus, command))

    def fence(self, victim: int = K) -> None:
        """What fence_scsi and fence_mpath do: preempt the key if it is there, and look again."""
        if self.unit.key_of(OTHER) is None:
            assert self.by(OTHER, out(OutAction.REGISTER, 0, KO)) == GOOD
        if victim in self.read_keys():
            self.by(OTHER, out(OutAction.PREEMPT, KO, victim, kind=ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY))
        assert victim not in self.read_keys()

    def has_written(self, entry: Entry) -> None:
        """What a sequence before has left in the journal."""
        self.journal = entry
        self.memory = self.memory._replace(entry=entry)

    def come_back(self) -> None:
        """All paths answer again, and the watcher notices."""
        self.away.clear()
        self.look_after()

    def leave(self, *paths: Path) -> None:
        """Paths stop to answer."""
        self.away |= {*paths}

    def crash(self) -> None:
        """The process is killed here."""
        raise CrashError

    def read_keys(self) -> list[int]:
        """What READ KEYS says to the other host."""
        _, outcome = execute(told_everything(self.unit), OTHER, reserve_in(InAction.READ_KEYS))
        return keys_in(outcome.data)

    def keys(self) -> str:
        """Our registrations, the holder marked: `a:K* b:K`."""
        return self._list(self.nexuses.values())

    def others(self) -> str:
        """Those of the other hosts."""
        return self._list(each.nexus for each in self.unit.registrations if each.nexus not in self.nexuses.values())

    def _list(self, nexuses: Any) -> str:
        keys = self.unit.keys()
        return " ".join(
            f"{nexus.name}:{NAMES.get(keys[nexus], hex(keys[nexus]))}{'*' if self.unit.holds(nexus) else ''}"
            for nexus in nexuses
            if nexus in keys
        )

    @property
    def done(self) -> list[str]:
        """Those of the commands of the last sequence that were GOOD."""
        return [text for text in self.sent if ": " not in text]

    @property
    def reservation(self) -> Reservation | None:
        """The unit's."""
        return self.unit.reservation


def describe(command: Command) -> str:
    """A PERSISTENT RESERVE command in short: `READ KEYS`, `REGISTER K>T`, `PREEMPT K O`."""
    if not command.is_out:
        return command.action_name
    name = SHORT.get(command.service_action, command.action_name)
    key, new = (NAMES.get(each, hex(each)) for each in command.keys or (0, 0))
    if name in ("REGISTER", "IGNORE"):
        return f"{name} {key}>{new}"
    return f"{name} {key} {new}" if "PREEMPT" in name or name == "ABORT" else f"{name} {key}"


def worded(outcome: Outcome) -> str:
    """An answer in words: `GOOD`, `RESERVATION CONFLICT`, the codes of its sense, or that there was none."""
    told = answer(outcome)
    if isinstance(told, int):
        return status_name(told)
    return "no answer" if outcome == DEAD else "{:02X}/{:02X}/{:02X}".format(*told)


def told_everything(unit: State, nexus: Nexus | None = None) -> State:
    """A unit without the unit attentions that a nexus, or everybody, has pending."""
    return replace(unit, attentions=tuple(each for each in unit.attentions if nexus not in (None, each[0])))
