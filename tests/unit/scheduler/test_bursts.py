"""Sessions in a thread of their own: for how long they stay there."""

import time

import pytest

from prhelper.channel import SkippableWaiter, current_context
from prhelper.scheduler.device_speed import FAST
from prhelper.scheduler.iothread import IOThreads
from prhelper.scheduler.shared_cpu import PinnedBurst

from ...support.helper import wait_until
from .echo import Echo, nothing


class Reader(Echo):
    """An Echo that reads as sessions do: in a burst its read may block in place of a wait."""

    async def _serve(self) -> None:
        while data := await self.channel.read_next(1):
            await current_context().call(self._key, lambda: self._call(data[0]))
            await self.channel.write_all([data])


def slow(_: int) -> None:
    time.sleep(2 * FAST)


def test_a_burst_goes_on_for_as_long_as_it_may_on_a_device_that_stays_slow(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    skips: list[SkippableWaiter] = []
    monkeypatch.setattr(SkippableWaiter, "skip", lambda waiter: skips.append(waiter))
    may_stay = [True]
    monkeypatch.setattr(PinnedBurst, "may_stay", lambda _: may_stay[0])
    session = Reader(threads, slow, key="slow")
    assert session.ask(1) == 1
    wait_until(lambda: skips, what="the next read to block")
    may_stay[0] = False
    seen = len(skips)
    assert [session.ask(byte) for byte in range(9)] == list(range(9))
    assert len(skips) - seen <= 1  # of the burst that went on while it might
    assert session.end() is None


def test_a_burst_ends_once_the_device_is_fast(threads: IOThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    skips: list[SkippableWaiter] = []
    monkeypatch.setattr(SkippableWaiter, "skip", lambda waiter: skips.append(waiter))
    monkeypatch.setattr(threads._speeds, "learn", lambda key, _: threads._speeds._credit.update({key: 1}))
    session = Reader(threads, nothing, key="fast")
    assert [session.ask(byte) for byte in range(9)] == list(range(9))
    assert session.end() is None
    assert skips == []
