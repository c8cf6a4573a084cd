"""Which devices answer so fast that a command may run in the leader itself.

Only what has a key of its own can be fast: None stands for whatever is no device, of which nothing can be learnt.

A device is fast while at least one of its last few commands was. A single fast answer is proof, for a dead or distant
disk has none; a single slow one is not, since a thread that waits for its turn makes any command look slow.
"""

from collections.abc import Hashable

FAST = 0.000_15
"""Seconds. What a hop to another thread costs at the least: below it, running in place is cheaper for everybody."""

_MEMORY = 8
"""How many slow commands in a row make a device slow."""

_MOST_DEVICES = 4096
"""Forget everything beyond; it is learnt again with the next command. Device numbers are given out for ever."""


class DeviceSpeeds:
    """What was seen of each device lately. Any thread may ask and tell."""

    def __init__(self) -> None:
        self._credit: dict[Hashable, int] = {}

    def is_fast(self, key: Hashable) -> bool:
        """Whether a command to this device is expected to be over at once. A device not known yet is not."""
        return self._credit.get(key, 0) > 0

    def learn(self, key: Hashable, seconds: float) -> None:
        """Take in how long a command took."""
        if key is None:
            return
        if seconds <= FAST:
            self._credit[key] = _MEMORY
        else:
            self._credit[key] = max(0, self._credit.get(key, 0) - 1)
        if len(self._credit) > _MOST_DEVICES:
            self._credit.clear()

    def stalled(self, key: Hashable) -> None:
        """A command to this device has been under way for too long: expect nothing of the next."""
        self._credit[key] = 0
