"""Looks after maps whose paths come back, or were left out of step by a process that died.

multipathd registers a path that comes back, where it knows the key, and only if it noticed that the path was away. So
we look ourselves, in sysfs, which costs the disks nothing: often while a path is away that will be written to as soon
as it is back, and else now and then, for paths that are new. A map that needs care gets a thread of its own, for its
paths may still not answer, and no map is to wait for another.

What sysfs does not tell of, that a path which is here was unregistered, the unit tells. It is asked now and then.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path as File

from ...host.signals import every_signal_blocked
from ...logs.record import at_most
from ..execution import Result
from .map import Map
from .maps import Maps
from .rules.answers import is_good
from .sysfs import SHORTAGES

_log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between two looks, while there are registrations."""

SHORT_PERIOD = 0.25
"""The same while a path is away."""

ASK_PERIOD = 5.0
"""Seconds until a unit is asked again whether it still has our registrations: one PERSISTENT RESERVE IN.

A write on a path without one has failed by the time that this could be noticed, so more often would be no better."""

_MAX_PAUSE = 30.0
"""Seconds until a map is looked after again whose paths still do not answer, at most, or of which multipathd did not
take notice."""


class Watcher:
    """A thread that looks, and one for each map that needs care."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._stopped = threading.Event()
        self._noticed = threading.Event()
        self._in_care: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="prhelper-paths", daemon=True)

    def start(self) -> None:
        """Begin to watch. Raises RuntimeError if no thread can be started."""
        with every_signal_blocked():
            self._thread.start()

    def notice(self) -> None:
        """Say that there may be something to watch."""
        self._noticed.set()

    def tell_to_stop(self) -> None:
        """Watch no longer, once what is under way has ended."""
        self._stopped.set()
        self._noticed.set()

    def stop(self) -> None:
        """Watch no longer, and wait for that."""
        self.tell_to_stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with _tolerant("the maps"):
            if (trouble := self._maps.trouble_with_multipathd()) is not None:
                _log.warning("multipath: %s", trouble)
        look_at_all = 0.0
        while not self._stopped.is_set():
            self._noticed.clear()
            maps = self._maps.of_interest()
            if not maps:
                self._noticed.wait()
                continue
            if (now := time.monotonic()) >= look_at_all:
                look_at_all = now + PERIOD
            else:
                maps = [each for each in maps if each.is_waiting]
            for each in maps:
                with _tolerant(f"map {each.uuid}"):
                    self._look_at(each, now)
            self._stopped.wait(SHORT_PERIOD if any(each.is_waiting for each in maps) else PERIOD)

    def _look_at(self, each: Map, now: float) -> None:
        if each.uuid in self._in_care or now < self._not_before.get(each.uuid, 0.0):
            return
        if (folder := each.folder()) is None:
            return
        if each.needs_care(folder):
            self._start_care(each, folder)
        elif each.is_registered and now - self._asked.setdefault(each.uuid, now) >= _ask_period(each):
            self._start_care(each, folder, ask=True)

    def _start_care(self, each: Map, folder: File, ask: bool = False) -> None:
        """Have it looked after; with `ask`, only if the unit says that something is missing."""
        self._in_care.add(each.uuid)
        try:
            threading.Thread(target=self._care, args=(each, folder, ask), name="prhelper-care", daemon=True).start()
        except RuntimeError:  # the next look tries again
            self._in_care.discard(each.uuid)

    def _care(self, each: Map, folder: File, ask: bool) -> None:
        began = time.monotonic()
        needs_more = True
        with _tolerant(f"map {each.uuid}"):
            if not ask or not each.is_as_left(folder):
                _tell(each, each.look_after(folder))
            needs_more = each.needs_care(folder)
        now = time.monotonic()
        pause = min(_MAX_PAUSE, max(SHORT_PERIOD, 2 * (now - began))) if needs_more else 0.0
        self._not_before[each.uuid] = now + pause
        self._asked[each.uuid] = now
        self._in_care.discard(each.uuid)


def _ask_period(each: Map) -> float:
    """By what multipathd did last: a command may have told it what it was late for since the map was looked after."""
    return _MAX_PAUSE if each.multipathd_is_late else ASK_PERIOD


@contextlib.contextmanager
def _tolerant(what: str) -> Iterator[None]:
    """Let the next look try again where sysfs cannot be read: the map is going away, or descriptors are short."""
    try:
        yield
    except OSError as error:
        level = logging.WARNING if error.errno in SHORTAGES else logging.DEBUG
        _log.log(level, "%s cannot be looked at now: %s", what, error.strerror, extra=at_most(3, "look", what))


def _tell(each: Map, result: Result) -> None:
    """A line for the administrator, about what was done unasked."""
    note = result.note
    name = each.uuid if note is None else note.map_name
    if result.trouble is not None:
        _log.error("map %s: %s", name, result.trouble, extra=at_most(3, "care", name))
    for remark in note.remarks if note is not None else ():
        _log.warning("map %s: %s", name, remark, extra=at_most(3, "care", name))
    if note is not None and note.used and is_good(result.outcome):
        _log.info("map %s: paths in step again: %s", name, ", ".join(note.used), extra=at_most(3, "in step", name))
