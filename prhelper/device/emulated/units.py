"""The emulated logical units of this process. Each executes one command at a time, and answers once that is durable."""

import contextlib
import threading
from collections.abc import Iterator, Mapping

from ...scsi.outcome import Outcome
from ...scsi.reservation import Command
from . import initiators
from .handed_over import UnitsError, decode, encode
from .rules import execute
from .state import Nexus, State, power_cycled
from .storage import Storage, StorageError

MAX_EMPTY = 1024
"""Units that are kept without a registration, for PRGENERATION and pending unit attentions. Beyond this the one used
longest ago is dropped, which is a power cycle to it: a client with new files can make any number of units."""


class UnitsLeftError(Exception):
    """Another process has the units now."""


class _Unit:
    """A unit. Its own lock protects `state`; the lock of all units protects `users`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.lock = threading.Lock()
        self.users = 0


class Units:
    """All units by name; those in `storage` start as they were left. Thread-safe."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._left = False
        self._take({name: power_cycled(state) for name, state in storage.states().items()})

    def execute(self, name: str, nexus: Nexus, command: Command) -> Outcome:
        """Carry out one command. Waits for the disk if it changes what survives a power loss.

        Raises StorageError if that cannot be stored. The command then has had no effect, although after a restart it
        may turn out to have had one. Raises UnitsLeftError, too.
        """
        with self._using(name) as unit:
            state, outcome = execute(unit.state, nexus, command)
            if (state.aptpl or unit.state.aptpl) and state.to_dict() != unit.state.to_dict():
                self._storage.save(name, state)
            unit.state = state
        return outcome

    def key_of(self, name: str, nexus: Nexus) -> int | None:
        """The key that a nexus is registered with at a unit; None if it is not registered, or no longer known."""
        with contextlib.suppress(UnitsLeftError), self._using(name) as unit:
            return unit.state.key_of(nexus)
        return None

    def leave(self) -> bytes:
        """All units as they are, for a process that goes on with them."""
        with self._lock:
            return self._encoded()

    def leave_unused(self) -> bytes | None:
        """As `leave`, and carry out no command from then on; None, and do nothing, while any is carried out."""
        with self._lock:
            if any(unit.users for unit in self._units.values()):
                return None
            self._left = True
            return self._encoded()

    def stay(self) -> None:
        """Undo `leave_unused`: the other process has not taken them."""
        self._left = False

    def go_on_from(self, data: bytes) -> None:
        """Go on with what another process has left, before any command. Raises UnitsError."""
        run, states = decode(data)
        try:
            self._store(states)
        except StorageError as error:
            raise UnitsError(str(error)) from error
        initiators.go_on_as(run)
        self._take(states)

    def go_on_from_storage(self) -> None:
        """Go on with what another process has stored before it died, before any command. Raises UnitsError."""
        try:
            self._storage.read_again()
        except StorageError as error:
            raise UnitsError(str(error)) from error
        self._take({name: power_cycled(state) for name, state in self._storage.states().items()})

    def fileno(self) -> int:
        """See `Storage.fileno`."""
        return self._storage.fileno()

    def unlock(self) -> None:
        """See `Storage.unlock`."""
        self._storage.unlock()

    def _encoded(self) -> bytes:
        return encode(initiators.run(), {name: unit.state for name, unit in self._units.items()})

    def _store(self, states: Mapping[str, State]) -> None:
        """Have the database say the same: the process that has left these may have had another one."""
        stored, nothing = self._storage.states(), State()
        for name in stored.keys() | states.keys():
            state = states.get(name, nothing)
            if _lasting(state) != _lasting(stored.get(name, nothing)):
                self._storage.save(name, state)

    def _take(self, states: Mapping[str, State]) -> None:
        with self._lock:
            self._units = {name: _Unit(state) for name, state in states.items()}
            empty = [name for name, unit in self._units.items() if unit.state.is_empty]
            self._empty = dict.fromkeys(empty)  # the last was used last

    @contextlib.contextmanager
    def _using(self, name: str) -> Iterator[_Unit]:
        """Exclusive use of a unit. A unit in its initial state is not kept, because files come and go."""
        with self._lock:
            if self._left:
                raise UnitsLeftError
            unit = self._units.setdefault(name, _Unit(State()))
            unit.users += 1
            self._empty.pop(name, None)
        try:
            with unit.lock:
                yield unit
        finally:
            with self._lock:
                unit.users -= 1
                if not unit.users:
                    self._keep_or_drop(name, unit.state)

    def _keep_or_drop(self, name: str, state: State) -> None:
        """Called with the lock held, for a unit without users."""
        if state == State():
            del self._units[name]
        elif state.is_empty:
            self._empty[name] = None
            if len(self._empty) > MAX_EMPTY:
                oldest = next(iter(self._empty))
                del self._empty[oldest], self._units[oldest]


def _lasting(state: State) -> dict[str, object] | None:
    """What survives a power loss, if anything does."""
    return state.to_dict() if state.aptpl and not state.is_empty else None
