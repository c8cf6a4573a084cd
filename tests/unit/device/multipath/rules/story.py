"""What may happen in a cluster, drawn from numbers.

A story is played from two lists of numbers: what is done, and what comes in between. Each number chooses among what is
possible, and an exhausted list says 0 for ever, which is the simplest; of what comes in between, nothing.
"""

from collections.abc import Callable, Iterable, Sequence

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import State
from prhelper.device.multipath import rules
from prhelper.device.multipath.rules.steps import Done, Entry, Look, Memory, Path, Step, Steps, Tell
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import ALL_TG_PT, SPEC_I_PT
from ...emulated.unit import out, without_power
from .bare import REGISTERING
from .cluster import DEAD, K2, T2, CrashError, K, T, describe, told_everything, worded
from .one_nexus import US
from .other_hosts import OtherHosts

_GUEST_KEYS = (K, K2)


class Story(OtherHosts):
    """Raises AssertionError as soon as something does not hold."""

    def __init__(
        self,
        numbers: Iterable[int],
        events: Iterable[int],
        paths: str,
        ports_known: bool = True,
        share_ports: bool = False,
    ) -> None:
        super().__init__(numbers, events, paths, ports_known, share_ports)
        self.interfere = self._interfere
        self.known_to_multipathd = "none"
        self.reply = self._reply
        self.unseen: set[Path] = set()  # paths that have come back since the sequence has looked
        self.given_up: list[tuple[Path, Command]] = []  # what may still arrive by paths that are away

    # The guest, and the process

    def play(self) -> None:
        """One guest's command, or what the daemon does by itself; perhaps with a crash, and the restart."""
        guest = (self._guest,) * 4
        self.choose(*guest, self._watch, self._crashed, self._others_turn, self._unregistered_by_multipathd)
        self._some_return()

    def take_over(self) -> None:
        """A take-over, or what leads to one."""
        self._carry_out(self.command_for_take_over())
        self._some_return()

    def _some_return(self) -> None:
        for path in sorted(self.away):
            if self.number() % 2:
                self._return(path)

    def end(self) -> None:
        """Everything comes back, and is looked after."""
        self._events = iter(())
        for path in sorted(self.away):
            self._return(path)
        self._watch()
        self._watch()
        keys = {self.unit.key_of(nexus) for nexus in self.nexuses.values()}
        assert keys <= {None, self.memory.key}, self
        assert len(keys) == 1, self

    def _guest(self) -> None:
        self._carry_out(self.guests_command())

    def _carry_out(self, command: Command) -> None:
        self._sequence(lambda: rules.execute(self.memory, self.paths(), command), command)

    def _watch(self) -> None:
        self._sequence(lambda: rules.look_after(self.memory, self.paths()), None)

    def _sequence(self, make: Callable[[], Steps[Done]], command: Command | None) -> None:
        self.begin(command)
        self.unseen.clear()
        self.log.append(f"{describe(command) if command else 'daemon'} {self.memory}")
        try:
            done = self.run(make())
        except CrashError:
            self._crashed()
            return
        self.running = False
        self.log.append(f"  {worded(done.outcome)}  [{self.keys()}] [{self.others()}]")
        self.check_end(done)

    def _crashed(self) -> None:
        """The process is killed, perhaps in a sequence: everything or nothing of it has happened, in the end."""
        command, start, calm = self.command, self.start, self.was_settled and not (self.events or self.broken)
        self.log.append("crash")
        rebooted = self.number() % 4 == 1
        if rebooted and self.journal is not None:
            self.journal = self._renumbered(self.journal)
        self.memory = Memory(entry=self.journal)
        self.crashes += 1
        crashes = self.crashes
        self._watch()
        calm = calm and crashes == self.crashes and self.memory.is_recalled
        if command is None or self.may_be_half_done(command) or self.is_pending() or rebooted:
            return
        if calm and not (self.events or self.broken):
            done, _ = execute(start, US, self.by_one_nexus(command))
            allowed = [self.essence(start)[:2], self.essence(told_everything(done))[:2]]
            assert self.essence(self.collapsed())[:2] in allowed, f"{allowed}\n{self}"

    def _renumbered(self, entry: Entry) -> Entry:
        """The machine restarts, and its paths have other names afterwards."""
        self.log.append("reboot")
        paths = list(self.nexuses)
        shift = self.number() % len(paths)
        names = dict(zip(paths, paths[shift:] + paths[:shift], strict=True))
        had, doubtful = tuple(names[path] for path in entry.had), entry.doubtful and names[entry.doubtful]
        return entry._replace(had=had, doubtful=doubtful, is_of_another_boot=True)

    def step(self, step: Step) -> object:
        answered = super().step(step)
        if isinstance(step, Look):
            self.unseen.clear()
        return answered

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

    # What happens in between

    def _interfere(self, path: Path | None, command: Command | None) -> Outcome | None:
        self.check_instant()
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
                self.carry_out_ours(path, command)
                self._leave(path)  # the answer is lost
                return None
            elif event == 10 and path is not None and command is not None and path not in self.away:
                self.given_up.append((path, command))
                self._leave(path)
                return None
            elif event == 11 and self.given_up:
                self._arrive(*self.given_up.pop(0))
            elif event == 5 and path is not None:  # the path is away for a moment
                self.broken.add(path)
                return DEAD
            elif event == 6:
                self._leave(list(self.nexuses)[self.number() % len(self.nexuses)])
            elif event == 7 and self.away:
                self._return(min(self.away))
            elif event == 8 and self.running:
                raise CrashError
            elif event == 9:
                self.happens("the unit loses power", self._without_power, fences=False)
            elif event >= 12 and (late := self._have_temporary_key()):
                self.broken.add(late[0])
                self.late.add(late[0])
                self._registered_by_multipathd(late[0])
            else:
                break
            self.check_instant()
        if path is not None and command is not None and path not in self.away:
            return self.carry_out_ours(path, command)
        return None

    def _without_power(self, unit: State) -> State:
        return without_power(unit, self.nexuses.values())

    def _leave(self, path: Path) -> None:
        self.log.append(f"{path} leaves")
        self.away.add(path)
        self.broken.add(path)

    def _arrive(self, path: Path, command: Command) -> None:
        """A REGISTER that was given up, before its path is back.

        Of those that reach other paths, and of other commands, the rules make nothing (their Limits).
        """
        if not command.is_out or command.service_action not in REGISTERING:
            return
        if command.parameter_list[20] & (ALL_TG_PT | SPEC_I_PT):
            return
        self.log.append(f"{path} {describe(command)} arrives late")
        self.unit = told_everything(self.unit, self.nexuses[path])
        self.carry_out(self.nexuses[path], command)
        self.has_arrived_late = True

    def _return(self, path: Path) -> None:
        self.log.append(f"{path} returns")
        self.given_up = [each for each in self.given_up if each[0] != path]
        self.away.discard(path)
        self.broken.add(path)
        self.unseen.add(path)
        if self.event() % 2:
            self._registered_by_multipathd(path)

    def _registered_by_multipathd(self, path: Path) -> None:
        """It registers a path that has come back, if it knows the key, and the unit has it of another path of ours."""
        if self.known_to_multipathd == "none" or (self.journal is not None and self.journal.doubtful):
            return
        key = int(self.known_to_multipathd.partition(":")[0], 16)
        if key in [each for other, each in self.ours().items() if other != path]:
            action = OutAction.REGISTER_AND_IGNORE_EXISTING_KEY
            self.by(self.nexuses[path], out(action, 0, key, flags=int(self.unit.aptpl)))
            self.log.append(f"  multipathd registers {path}")

    def _have_temporary_key(self) -> list[Path]:
        """Paths of which multipathd may find out that they have come back some time ago, and give them the real key."""
        here = [path for path in self.ours() if path not in self.away | self.unseen]
        return [path for path in here if self.ours()[path] in (T, T2)]

    def _unregistered_by_multipathd(self) -> None:
        """It unregisters a path that was away for so short a time that we have not noticed, if its key was unset."""
        path = list(self.nexuses)[self.number() % len(self.nexuses)]
        if (key := self.unit.key_of(self.nexuses[path])) is not None and path not in self.away:
            unregister = out(OutAction.REGISTER, key, 0, flags=int(self.unit.aptpl))
            self.happens(
                f"multipathd unregisters {path}",
                lambda unit: execute(told_everything(unit, self.nexuses[path]), self.nexuses[path], unregister)[0],
                fences=False,
            )
