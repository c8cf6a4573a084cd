"""The state of emulated logical units that survives a power loss, where APTPL is 1, in a database (SQLite).

Every change is a transaction of its own, and is on disk when `save` returns (PRAGMA synchronous=FULL). An answer sent
after that promises nothing that a crash could undo.

Opening the database forgets, and logs the number of, units whose names were valid for another boot (boot.py) and those
of version 1, whose names were numbers that are reused.

A damaged database is renamed and kept, and the log says so: the emulation has lost its reservations, but a person may
still recover them. A directory serves one process, which holds a lock on it.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from ...channel import OwnedFd
from .boot import is_of_another_boot
from .state import State

_log = logging.getLogger(__name__)

DATABASE = "emulated.sqlite"
"""File name in the state directory."""

_VERSION = 2
"""Version of the schema (PRAGMA user_version); 0 is a database without tables."""

_PRAGMAS = ("PRAGMA journal_mode=TRUNCATE", "PRAGMA synchronous=FULL", "PRAGMA trusted_schema=OFF")
_TABLES = "CREATE TABLE unit (name TEXT PRIMARY KEY, state TEXT NOT NULL, digest TEXT NOT NULL)"

_KEEP = "INSERT OR REPLACE INTO unit (name, state, digest) VALUES (:name, :state, :digest)"
_FORGET = "DELETE FROM unit WHERE name = :name"

_MUST_BE_WRITABLE = "it must be a directory that prhelper's user may write"
_STOP_OR_MOVE = "stop it, or choose another directory"

_ENVIRONMENT_ERRORS = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""Errors caused by the environment. Any other SQLite error on an existing database means corruption."""

_PRIMARY = 0xFF
"""Mask of the primary result code in an extended result code of SQLite."""


class StorageError(Exception):
    """The directory or the database cannot be used; the text names it, and says why and, at a start, what to do."""


class _DamagedError(Exception):
    """The file is not a database, or its contents are invalid; the text says what was found."""


class Storage:
    """The states of all units, in `directory`, which is created if missing. Thread-safe.

    Create it after the last fork and after dropping privileges, because that decides who owns the files. Raises
    StorageError.

    locked: the directory as the process has it open and locked whose place this one is about to take; it keeps the
        database until then. The lock goes with the descriptor.
    """

    def __init__(self, directory: Path, locked: OwnedFd | None = None) -> None:
        self._path = directory / DATABASE
        self._lock = threading.Lock()
        try:
            self._directory = _lock_directory(directory, locked)
        except BlockingIOError:
            raise StorageError(f"{directory}: another prhelper keeps its state there; {_STOP_OR_MOVE}") from None
        except OSError as error:
            raise StorageError(f"{directory}: {error.strerror}; {_MUST_BE_WRITABLE}") from error
        try:
            self._connection, self._states = self._open(in_use=locked is not None)
        except BaseException:
            self._directory.close()
            raise

    def states(self) -> dict[str, State]:
        """The state of each unit by name, as stored when the database was opened, or read again."""
        return dict(self._states)

    def read_again(self) -> None:
        """Read what the process has stored since whose place this one takes. Raises StorageError."""
        try:
            with self._lock:
                self._states = _read(self._connection)
        except (_DamagedError, sqlite3.Error) as error:
            raise StorageError(f"{self._path}: {error}") from error

    def fileno(self) -> int:
        """The directory, to be passed on: the lock goes with the descriptor."""
        return self._directory.fileno()

    def save(self, unit: str, state: State) -> None:
        """Store a unit's state if it has APTPL and registrations, otherwise forget the unit; on disk on return.

        Raises StorageError. A restart then finds the previous state or, if only the last step failed, this one.
        """
        text = json.dumps(state.to_dict(), separators=(",", ":"))
        row = {"name": unit, "state": text, "digest": _digest(unit, text)}
        try:
            with self._lock:
                self._connection.execute(_KEEP if state.aptpl and not state.is_empty else _FORGET, row)
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: {error}") from error

    def unlock(self) -> None:
        """Let another process keep its state here, for this one ends: no call may follow, and none may be in progress.

        Unlike `close` it does not wait for a thread that is stuck. Does nothing the second time.
        """
        self._directory.close()

    def close(self) -> None:
        """Close the database and unlock the directory."""
        with self._lock:
            self._connection.close()
            self._directory.close()

    def _open(self, in_use: bool) -> tuple[sqlite3.Connection, dict[str, State]]:
        try:
            return _open(self._path)
        except _DamagedError as error:
            if in_use:  # by another process, so it is not set aside
                raise StorageError(f"{self._path} is damaged ({error}); end the prhelper that keeps it") from error
            kept = _set_aside(self._path)
            _log.critical(
                "%s is damaged (%s): the emulated reservations in it are LOST; it is kept as %s, and a new one begun",
                *(self._path, error, kept.name),
            )
            return _open(self._path)


def _lock_directory(directory: Path, locked: OwnedFd | None) -> OwnedFd:
    """Create the directory, and lock it against other processes until the returned descriptor is closed."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if locked is not None and os.path.samestat(os.fstat(locked.fileno()), directory.stat()):
        return OwnedFd(os.dup(locked.fileno()))
    opened = OwnedFd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        fcntl.flock(opened.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        opened.close()
        raise
    return opened


def _open(path: Path) -> tuple[sqlite3.Connection, dict[str, State]]:
    """Open the database and read it. Raises _DamagedError or StorageError."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; {_MUST_BE_WRITABLE}") from error
    # Without an isolation level each statement is a transaction unless one was begun.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        return connection, _read(connection)
    except BaseException as error:
        connection.close()
        if not isinstance(error, sqlite3.Error | ValueError):  # ValueError: invalid UTF-8 in the database
            raise
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code == sqlite3.SQLITE_BUSY:
            raise StorageError(f"{path}: another process has locked it; {_STOP_OR_MOVE}") from error
        if code in _ENVIRONMENT_ERRORS:
            raise StorageError(f"{path}: {error}; {_MUST_BE_WRITABLE}") from error
        raise _DamagedError(str(error)) from error


def _read(connection: sqlite3.Connection) -> dict[str, State]:
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    connection.execute("BEGIN IMMEDIATE")
    for (complaint,) in connection.execute("PRAGMA integrity_check(1)"):
        if complaint != "ok":
            raise _DamagedError(complaint)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StorageError(
            f"the state was written by a newer prhelper (version {version}, known is {_VERSION}); "
            "start that one, or choose another directory"
        )
    if version == 0:
        connection.execute(_TABLES)
    connection.execute(f"PRAGMA user_version = {_VERSION}")  # always, so that a read-only database fails here
    states = dict(_decode(*row) for row in connection.execute("SELECT name, state, digest FROM unit"))
    for name in _past(states, version):
        connection.execute(_FORGET, {"name": name})
        del states[name]
    connection.execute("COMMIT")
    return states


def _past(states: Iterable[str], version: int) -> list[str]:
    """The names that are no longer valid."""
    if 0 < version < _VERSION:
        names, why = list(states), "an older prhelper named them by numbers that are given out again"
    else:
        names, why = (
            [each for each in states if is_of_another_boot(each)],
            "nothing lasting tells which disks they were",
        )
    if names:
        _log.warning("emulated reservations are forgotten (units: %d): %s", len(names), why)
    return names


def _digest(name: str, text: str) -> str:
    """SQLite notices damage to its own structures only, and one flipped bit turns a key into another."""
    return hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()


def _decode(name: str, text: str, digest: str) -> tuple[str, State]:
    if digest != _digest(name, text):
        raise _DamagedError(f"the state of unit '{name}' is not as it was written")
    try:
        return name, State.from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _DamagedError(f"the state of unit '{name}' makes no sense: {error!r}") from error


def _set_aside(path: Path) -> Path:
    """Rename a database, and its journal with it."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}-journal").rename(f"{kept}-journal")
        path.rename(kept)
    except OSError as error:
        raise StorageError(
            f"{path} is damaged and cannot be set aside: {error.strerror}; {_MUST_BE_WRITABLE}"
        ) from error
    return kept
