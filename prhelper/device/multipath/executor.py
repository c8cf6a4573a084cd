"""The executor for multipath maps: finds the map, and has it carry out the command in a thread that may block."""

import errno
import time
from pathlib import Path as File

from ...channel import current_context
from ...scsi.outcome import outcome_of_errno
from ...scsi.reservation import Command
from ..execution import Executor, Result
from ..identity import Target
from .map import Means
from .maps import Maps
from .multipathd import Reply
from .watcher import Watcher


class Multipath:
    """Persistent reservations on multipath maps, for all clients. Needs uid 0 and CAP_SYS_RAWIO."""

    def __init__(self, means: Means) -> None:
        self._maps = Maps(means)
        self._watcher = Watcher(self._maps)

    def start(self) -> None:
        """Start to watch paths, and repair what a process before this one left. Raises RuntimeError without threads."""
        self._watcher.start()

    def tell_to_stop(self) -> None:
        """As `stop`, but wait for nothing."""
        self._watcher.tell_to_stop()

    def stop(self) -> None:
        """Watch no longer. What is under way ends by itself, or is repaired at the next start."""
        self._watcher.stop()

    def ask_multipathd(self) -> Reply | None:
        """See `Maps`."""
        return self._maps.ask_multipathd()

    def why_not(self) -> None:
        """See `dispatch.MapExecutors`."""

    def on(self, folder: File) -> Executor:
        """The executor for the map with this folder in sysfs."""
        return _OnMap(self._maps, self._watcher, folder)


class _OnMap:
    def __init__(self, maps: Maps, watcher: Watcher, folder: File) -> None:
        self._maps = maps
        self._watcher = watcher
        self._folder = folder

    async def execute(self, command: Command, target: Target) -> Result:
        """Carry out one command. See `Executor`."""
        if target.is_path_only():
            return Result(outcome_of_errno(errno.EBADF), trouble="its descriptor was opened with O_PATH")
        return await current_context().call(None, lambda: self._carry_out(command))

    def _carry_out(self, command: Command) -> Result:
        began = time.monotonic()
        try:
            result = self._maps.of(self._folder).execute(command, self._folder)
        except OSError as error:
            where = error.filename or self._folder
            trouble = f"{where}: {error.strerror}; the map is going away, or its paths cannot be looked up in sysfs"
            return Result(outcome_of_errno(error.errno), time.monotonic() - began, trouble, error.errno)
        if command.is_out:
            self._watcher.notice()
        return result
