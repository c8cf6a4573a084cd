"""Those who watch get what happens while they do, and nobody else's leaving concerns them."""

from __future__ import annotations

import select

from prhelper.scsi.reservation import Command
from prhelper.serving.watching import Watch, Watchers

from ...support.spc import reserve_in
from .hosts import DISK, Host, ended


def has_news(watch: Watch) -> bool:
    return bool(select.select([watch.news.fileno()], [], [], 0)[0])


def test_a_watcher_has_news_until_it_has_taken_all(host: Host) -> None:
    event = host.machine("a").end(Command(reserve_in(0)), DISK, ended())
    watchers = Watchers()
    with watchers.watching() as watch:
        for _ in range(3):
            watchers.put(event)
        assert watch.take(2) == [event, event]
        assert has_news(watch)
        assert watch.take(2) == [event]
        assert not has_news(watch)


def test_one_that_leaves_does_not_take_the_others_along(host: Host) -> None:
    event = host.machine("a").end(Command(reserve_in(0)), DISK, ended())
    watchers = Watchers()
    with watchers.watching() as stays:
        with watchers.watching():
            pass
        watchers.put(event)
        assert stays.take(1) == [event]
