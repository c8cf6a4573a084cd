"""The emulated logical units of this process: one command at a time each, answered when it cannot be lost any more."""

import contextlib
import threading
from collections.abc import Iterator

from ...scsi.outcome import Outcome
from ...scsi.reservation import Command
from .rules import execute
from .state import Nexus, State, power_cycled
from .storage import Storage


class _Unit:
    """A unit's state, which whoever has the lock may change; `users` belongs to the lock of all units."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.lock = threading.Lock()
        self.users = 0


class Units:
    """Every unit, by its name; those that `storage` knows begin as they were left. Any thread may use it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._units = {name: _Unit(power_cycled(state)) for name, state in storage.states().items()}

    def execute(self, name: str, nexus: Nexus, command: Command) -> Outcome:
        """Carry out one command. Waits for the disk if it changes what outlives a power loss.

        Raises StorageError if that cannot be stored; the command has done nothing then, though a restart may yet find
        that it has.
        """
        with self._using(name) as unit:
            state, outcome = execute(unit.state, nexus, command)
            if (state.aptpl or unit.state.aptpl) and state.to_dict() != unit.state.to_dict():
                self._storage.save(name, state)
            unit.state = state
        return outcome

    @contextlib.contextmanager
    def _using(self, name: str) -> Iterator[_Unit]:
        """Have a unit for oneself. One that is as if just made is not kept: files come and go."""
        with self._lock:
            unit = self._units.setdefault(name, _Unit(State()))
            unit.users += 1
        try:
            with unit.lock:
                yield unit
        finally:
            with self._lock:
                unit.users -= 1
                if not unit.users and unit.state == State():
                    del self._units[name]
