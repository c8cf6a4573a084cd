"""The names of devices in sysfs, looked up by a thread that may be lost: the main thread waits for it a moment."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

import anyio

from ..channel import EventFd, current_context
from ..device.identity import DeviceId
from ..device.stack import name_of
from ..device.unit import disk_of, unit_of
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError
from ..serving.server import wait_for

PATIENCE = 0.2
"""Seconds that the main thread waits. Names that come later are there for the next who asks."""


class Names(NamedTuple):
    """Of one device; None where sysfs has none. disk: of the disk that it is a node of, see `device.unit.disk_of`."""

    name: str | None = None
    wwid: str | None = None
    disk: str | None = None


class DeviceNames:
    """Looks names up, as sysfs has them when it is asked. For the main thread."""

    def __init__(self, threads: IOThreads) -> None:
        self._threads = threads
        self._known: dict[DeviceId, Names] = {}
        self._busy = False
        self._done = EventFd()

    async def look_up(self, devices: Iterable[DeviceId | None]) -> None:
        """Look up the names of devices, and forget those of others. Waits for PATIENCE at most."""
        if self._busy:  # and it was waited for already
            return
        asked = {device for device in devices if device is not None and device.is_device}
        if not asked:
            return
        self._busy = True
        self._done.clear()
        self._threads.spawn(self._read(asked), lambda _: self._finish())
        with anyio.move_on_after(PATIENCE):
            await wait_for(self._done)

    def of(self, device: DeviceId) -> Names:
        """Those that were found last."""
        return self._known.get(device, Names())

    def close(self) -> None:
        """Close what this has open, once no lookup runs."""
        self._done.close()

    async def _read(self, devices: set[DeviceId]) -> None:
        with contextlib.suppress(NoThreadError):
            self._known = await current_context().call(None, lambda: {device: _read(device) for device in devices})

    def _finish(self) -> None:
        self._busy = False
        self._done.set()


def _read(device: DeviceId) -> Names:
    with contextlib.suppress(OSError):
        if (folder := device.folder()) is not None:
            return Names(name_of(folder), unit_of(folder).wwid, disk_of(folder))
    return Names()
