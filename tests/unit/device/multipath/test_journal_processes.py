"""What a process that is killed leaves in the journal, and how others wait for it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prhelper.device.multipath.journal import ENTRY, Journal
from prhelper.device.multipath.rules.steps import Entry

from .journals import MAP, NEW, OLD, Waiting, keep, kept, names

_SCRIPT = """
import fcntl, os, signal, sys
from pathlib import Path
from prhelper.device.multipath.journal import Journal
from prhelper.device.multipath.rules.steps import Entry

CALLS = (os, "open"), (os, "write"), (os, "fsync"), (os, "rename"), (os, "unlink"), (os, "mkdir"), (fcntl, "flock")

def work(directory, uuid, entry, place):
    made = 0
    def held(name, call):
        def hold_or_call(*args, **kwargs):
            nonlocal made
            made += 1
            if made == place:
                print(name, flush=True)
                signal.pause()
            return call(*args, **kwargs)
        return hold_or_call
    for module, name in CALLS:
        setattr(module, name, held(name, getattr(module, name)))
    with Journal(Path(directory)).turn(uuid) as turn:
        turn.write(entry)
        print("written", flush=True)
        signal.pause()

for line in sys.stdin:
    arguments = eval(line)
    child = os.fork()
    if not child:
        work(*arguments)
    sys.stdin.readline()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


class Processes:
    """Processes that write an entry, one after another, each of which is killed in a call of the system."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _SCRIPT]
        self._parent = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _say(self, line: str) -> None:
        assert self._parent.stdin
        self._parent.stdin.write(f"{line}\n")
        self._parent.stdin.flush()

    def _hear(self) -> str:
        assert self._parent.stdout
        return self._parent.stdout.readline().strip()

    @contextmanager
    def held(self, directory: Path, entry: Entry | None, place: int) -> Iterator[str]:
        """One that is about to make its call with this number, and is killed at the end of the block.

        The value is the call's name; "written" if the process has made all its calls.
        """
        self._say(repr((str(directory), MAP, entry, place)))
        yield self._hear()
        self._say("")
        assert self._hear() == "killed"

    def close(self) -> None:
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._parent.wait()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.close()


def test_process_waits_for_another_until_that_is_killed(directory: Path, processes: Processes) -> None:
    journal = Journal(directory)
    with journal.turn(MAP):
        pass
    with processes.held(directory, OLD, 0) as call:
        assert call == "written"
        waiting = Waiting(journal)
        assert waiting.found is None
    waiting.finish()
    assert waiting.found == (OLD, True)


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [(None, NEW, {"mkdir", "rename"}), (OLD, NEW, {"rename", "write"}), (NEW, None, {"unlink", "fsync"})],
)
def test_kill_at_any_moment_leaves_the_old_entry_or_the_new(
    directory: Path, processes: Processes, before: Entry | None, after: Entry | None, calls: set[str]
) -> None:
    place, call, made, found = 0, "", set(), []
    while call != "written":
        place += 1
        shutil.rmtree(directory, ignore_errors=True)
        if before:
            keep(directory, before)
        with processes.held(directory, after, place) as call:
            made.add(call)
        found.append(kept(directory))
        assert set(names(directory)) <= {ENTRY, "last"}
    changed = found.index(after)
    assert found == [before] * changed + [after] * (len(found) - changed)
    assert 0 < changed < len(found)
    assert made >= {*calls, "open", "fsync", "flock"}
