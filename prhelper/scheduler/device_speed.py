"""Which devices answer so fast that a command may run in the leader itself.

Only what has a key can be fast: None stands for anything that is not a device, of which nothing can be learnt.

A device is fast while at least one of its last few commands was. A single fast answer is proof, since a dead or distant
disk gives none; a single slow one is not, since waiting for the GIL makes any command look slow.
"""

from collections.abc import Hashable

FAST = 0.000_15
"""Seconds. The least that a hop to another thread costs: below it, running in place is cheaper for all clients."""

_MEMORY = 8
"""How many slow commands in a row make a device slow."""

_MAX_DEVICES = 4096
"""Beyond this all is forgotten, and learnt again with the next command: new device numbers never stop coming."""


class DeviceSpeeds:
    """How fast each device was lately. Any thread may call."""

    def __init__(self) -> None:
        self._credit: dict[Hashable, int] = {}

    def is_fast(self, key: Hashable) -> bool:
        """Whether a command to this device should end at once. One to a device not yet known should not."""
        return self._credit.get(key, 0) > 0

    def learn(self, key: Hashable, seconds: float) -> None:
        """Record how long a command took."""
        if key is None:
            return
        if seconds <= FAST:
            self._credit[key] = _MEMORY
        else:
            self._credit[key] = max(0, self._credit.get(key, 0) - 1)
        if len(self._credit) > _MAX_DEVICES:
            self._credit.clear()

    def stalled(self, key: Hashable) -> None:
        """Record that a command to this device is taking too long: the next one is not expected to be fast."""
        self._credit[key] = 0
