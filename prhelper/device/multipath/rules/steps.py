"""What the rules say, and what they remember. Values only.

A rule is a generator. It yields steps, is sent the answer to each, and returns what came of it:

    Send    carry these commands out, each on its path        answered with their outcomes, in the same order
    Note    write this entry to the journal, or erase it      answered with nothing, once it is on the disk
    Tell    make this request of multipathd                   answered with its reply, empty if it cannot be reached
    Look    look up the paths anew                            answered with `Paths`
"""

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ....scsi.outcome import Outcome
from ....scsi.reservation import Command
from ....scsi.transport_id import TransportID

Path: TypeAlias = str
"""The name of a path, the same for as long as it is the same I_T nexus. Compared, and shown to people; no more."""


class Entry(NamedTuple):
    """What the journal holds of a map: enough to go on after the process has died, without memory.

    wanted: the key that all paths are to have; 0 for none.
    passing: other keys that paths may have while a sequence is under way.
    new: the one of them that may stay, if no path has `wanted` any more; else 0.
    had: paths that had `wanted` when it began, and lose it to nothing but fencing.
    stale: keys that paths may still have which were away when they changed.
    doubtful: a path that is being given `wanted`, perhaps after the host was fenced; it does not vouch for the others.
    is_of_another_boot: whether the machine has restarted since. Then the names of paths mean nothing: another path may
        have any of them now.
    """

    wanted: int
    passing: tuple[int, ...] = ()
    new: int = 0
    had: tuple[Path, ...] = ()
    stale: tuple[int, ...] = ()
    doubtful: Path | None = None
    is_of_another_boot: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether a sequence has not been ended."""
        return bool(self.passing or self.had or self.doubtful)


class Send(NamedTuple):
    """Commands for different paths, in any order or at once.

    The outcome of a command that got no answer from the unit is what `scsi.outcome` makes of the error.
    """

    orders: tuple[tuple[Path, Command], ...]


class Note(NamedTuple):
    """An entry to write over the last one, or None to erase it. The next step must wait until it is on the disk."""

    entry: Entry | None


class Tell(NamedTuple):
    """A request of multipathd: `verb map NAME argument`."""

    verb: str
    argument: str = ""


class Look(NamedTuple):
    """The map's paths, as they are in the midst of a sequence.

    A path that has failed in it is usable if it is known to have been away since: one that the kernel took for usable
    all the time would cost seconds again.
    """


Step: TypeAlias = Send | Note | Tell | Look
_T = TypeVar("_T")
Steps: TypeAlias = Generator[Step, Any, _T]


class Paths(NamedTuple):
    """A map as it is when a sequence begins.

    usable: the paths that commands can be sent to, in the order in which they are to be tried.
    ports: this host's own initiator ports, by which READ FULL STATUS tells what is ours; empty if they are not known.
    """

    usable: tuple[Path, ...]
    ports: frozenset[TransportID] = frozenset()


class Told(NamedTuple):
    """What multipathd knows of a map, from us.

    key: the key that it may have; 0 if it has none.
    is_set: whether it has confirmed that it has this key, and its status. Else it is told again.
    is_late: whether it did not answer, so that it is worth while to tell it again before there is something new.
    """

    key: int = 0
    aptpl: bool = False
    holds: bool = False
    is_set: bool = False
    is_late: bool = False


class Memory(NamedTuple):
    """What is known of a map between two sequences. A process that has just started knows at most `entry`.

    is_recalled: whether it has been found out what the process before it left; it cannot while all paths are away.
    key: the key that our paths are registered with; 0 if with none, or if it is not known.
    holds: whether we hold the reservation, as far as we know from our own commands.
    aptpl: the APTPL of the last REGISTER, for multipathd, which registers paths of its own accord.
    settled: the paths that were in step with `key` at the end of the last sequence. All others are settled first.
    registered: how many paths had `key` then, those that were away among them; where it cannot be told which
        registrations are ours, how many registrations there were with it at all.
    surely_ours: how many registrations there were with `key` when none of them could be another host's, and the number
        has not changed since; 0 if that was not seen.
    gave_up: paths that have not answered a REGISTER, which may still arrive, and have not been back since.
    entry: what the journal holds.
    told: what multipathd has been told.
    """

    is_recalled: bool = False
    key: int = 0
    holds: bool = False
    aptpl: bool = False
    settled: frozenset[Path] = frozenset()
    registered: int = 0
    surely_ours: int = 0
    gave_up: frozenset[Path] = frozenset()
    entry: Entry | None = None
    told: Told = Told()


class Done(NamedTuple):
    """How a sequence ended.

    outcome: the answer to the guest, if it was for one.
    memory: what to remember of the map.
    used, skipped: the paths that answered to the last, and those that did not, for the log.
    remarks: what else the administrator may want to know.
    """

    outcome: Outcome
    memory: Memory
    used: tuple[Path, ...]
    skipped: tuple[Path, ...]
    remarks: tuple[str, ...] = ()
