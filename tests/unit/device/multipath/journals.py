"""A journal in a directory of the test: what is kept in it of two maps."""

import fcntl
import os
import threading
from pathlib import Path

from prhelper.device.multipath.journal import Journal
from prhelper.device.multipath.rules.steps import Entry

from ....support.helper import wait_until

MAP, OTHER_MAP = "mpath-360014050000000000000000000000001", "mpath-../../.. x"
OLD, NEW = Entry(0xAAAA0001), Entry(0xAAAA0001, (0xBBBB0002,), had=("sda", "sdb"))


def keep(directory: Path, entry: Entry | None, uuid: str = MAP) -> None:
    with Journal(directory).turn(uuid) as turn:
        turn.write(entry)


def kept(directory: Path, uuid: str = MAP) -> Entry | None:
    with Journal(directory).turn(uuid) as turn:
        return turn.entry


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / MAP).iterdir())


def is_locked(directory: Path) -> bool:
    fd = os.open(directory / MAP, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Waiting:
    """A thread that waits for its turn in this process.

    found: the entry, and whether others came between; None as long as it has not had its turn.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.found: tuple[Entry | None, bool] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(self._waits, what="a thread that waits for the lock")

    def finish(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        with self._journal.turn(MAP) as turn:
            self.found = turn.entry, turn.others_came_between
            turn.write(NEW)

    @staticmethod
    def _waits() -> bool:
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return any(line[1:3] == ["->", "FLOCK"] and line[5] == str(os.getpid()) for line in lines)
