"""What is written down of each map, and the lock by which one process at a time acts on a map.

libvirt starts a helper for each virtual machine, so two may meet on one map. Each takes its turn: it waits for the
map's lock, reads what the one before it has left, and writes down what it is about to do.

    DIRECTORY/
        mpath-36001405.../    one for each map, locked (flock) while a turn lasts; it stays for good
            entry             what there is to know of the map, or to repair; absent if nothing
            entry.new         left by a write that was cut off, removed in the next turn
            last              the token of the process that had the last turn

An entry is written to another file, which then takes its place, so a crash at any moment leaves the old one or the
new. A damaged one is never trusted: it is renamed and kept, and the log says so.

The lock ends with its process, and not before that process's commands have ended: one that was killed while SG_IO
blocks it keeps its turn until the kernel lets go of it.
"""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ...channel import OwnedFd
from ...host.errors import RAISE_LIMITS
from .files import content_of, create, exists, make_directory, remove, sync_directory
from .record import DamagedError, NewerError, decode, directory_name, encode, uuid_of
from .rules.steps import Entry

_log = logging.getLogger(__name__)

ENTRY = "entry"
_NEW = "entry.new"
_LAST = "last"

_MUST_BE_WRITABLE = "it must be a directory that only prhelper's user may write"
_MAKE_ROOM = "make room there, or choose another directory"
_REMEDIES = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EIO: "see the kernel's log about its disk",
    **RAISE_LIMITS,
}

_WRITABLE_BY_OTHERS = 0o022


class JournalError(Exception):
    """The journal cannot be used; the text names the file, and says why and what to do."""


class Turn:
    """One process's turn on one map. It ends with the block that `Journal.turn` is for.

    entry: what was on the disk when the turn began.
    others_came_between: whether another process may have had a turn since this one's last. Then all that this process
        remembers of the map is void, and it begins again with `entry`. True in its first turn.
    """

    def __init__(self, directory: OwnedFd, path: Path, uuid: str, others_came_between: bool) -> None:
        self._directory, self._path, self._uuid = directory, path, uuid
        self.others_came_between = others_came_between
        self.entry = self._read()

    def write(self, entry: Entry | None) -> None:
        """Put this entry in the place of the last one, or erase it with None; on the disk on return.

        Raises JournalError: then the last entry is on the disk, or this one, if only the final step failed.
        """
        directory = self._directory.fileno()
        try:
            if entry is None:
                remove(directory, ENTRY)
            else:
                create(directory, _NEW, encode(self._uuid, entry), sync=True)
                os.rename(_NEW, ENTRY, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            raise _journal_error(self._path, error) from error

    def _read(self) -> Entry | None:
        text = content_of(self._directory.fileno(), ENTRY)
        if text is None:
            return None
        try:
            return decode(self._uuid, text)
        except NewerError as error:
            raise JournalError(f"{self._path} was written by a newer prhelper ({error}); start that one") from error
        except DamagedError as error:
            kept = self._set_aside()
            _log.critical(
                "%s is damaged (%s): what was under way on this map is LOST, so look at its registrations; "
                "the file is kept as %s",
                *(self._path, error, kept),
            )
            return None

    def _set_aside(self) -> str:
        directory, kept = self._directory.fileno(), f"{ENTRY}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        os.rename(ENTRY, kept, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
        return kept


class Journal:
    """The journal of all maps, in `directory`, which the first turn creates if it is missing. Thread-safe.

    A process has one, by whose turns it is told from others. Raises JournalError if the directory is there and cannot
    be used, or those above it cannot be entered.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._token = secrets.token_hex().encode()
        self._on_disk: set[str] = set()  # maps whose directories are
        try:
            is_there = exists(directory)
        except OSError as error:
            raise _journal_error(directory, error) from error
        if is_there:
            self._check()

    def make(self) -> None:
        """Create the directory now, and not with the first turn. Raises JournalError."""
        try:
            make_directory(self._directory)
        except OSError as error:
            raise _journal_error(self._directory, error) from error
        self._check()

    def _check(self) -> None:
        directory = self._directory
        try:
            status = directory.stat()
        except OSError as error:
            raise _journal_error(directory, error) from error
        if not stat.S_ISDIR(status.st_mode):
            raise JournalError(f"{directory}: is no directory; {_MUST_BE_WRITABLE}")
        if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
            raise JournalError(f"{directory}: others may write it; {_MUST_BE_WRITABLE}")
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise JournalError(f"{directory}: cannot be written; {_MUST_BE_WRITABLE}")

    def maps(self) -> list[str]:
        """The uuids of the maps that have an entry. Raises JournalError."""
        try:
            if not exists(self._directory):
                return []
            names = sorted(each.name for each in self._directory.iterdir() if exists(each / ENTRY))
        except OSError as error:
            raise _journal_error(self._directory, error) from error
        return [uuid for name in names if (uuid := uuid_of(name)) is not None]

    @contextlib.contextmanager
    def turn(self, uuid: str) -> Iterator[Turn]:
        """Wait until no other process or thread has a turn on this map, and have one. Blocks without limit.

        Raises JournalError before the block is entered.
        """
        path = self._directory / directory_name(uuid)
        try:
            directory = _lock(path)
        except OSError as error:
            raise _journal_error(path, error) from error
        try:
            try:
                turn = self._begin(directory, path, uuid)
            except OSError as error:
                raise _journal_error(path, error) from error
            yield turn
        finally:
            # Closing may not be enough: a thread that gets a table of its own (host/closer.py) copies the descriptor.
            fcntl.flock(directory.fileno(), fcntl.LOCK_UN)
            directory.close()

    def _begin(self, directory: OwnedFd, path: Path, uuid: str) -> Turn:
        if uuid not in self._on_disk:
            sync_directory(self._directory)
            self._on_disk.add(uuid)
        remove(directory.fileno(), _NEW)
        is_ours = content_of(directory.fileno(), _LAST) == self._token
        turn = Turn(directory, path / ENTRY, uuid, not is_ours)
        if not is_ours:  # the last step that can fail: a turn that does not begin must not be taken for our last
            create(directory.fileno(), _LAST, self._token, sync=False)  # a crash of the machine ends all tokens
        return turn


def _lock(path: Path) -> OwnedFd:
    """Create the directory if it is missing, and wait for its lock."""
    while True:
        make_directory(path)
        opened = OwnedFd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW))
        try:
            fcntl.flock(opened.fileno(), fcntl.LOCK_EX)
            if _is_same(opened, path):
                return opened
        except BaseException:
            opened.close()
            raise
        opened.close()  # an administrator has removed it meanwhile


def _is_same(opened: OwnedFd, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _journal_error(path: Path, error: OSError) -> JournalError:
    return JournalError(f"{path}: {error.strerror}; {_REMEDIES.get(error.errno or 0, _MUST_BE_WRITABLE)}")
