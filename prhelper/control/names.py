"""The names of devices in sysfs."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from ..device.identity import DeviceId
from ..device.stack import name_of
from ..device.unit import disk_of, unit_of
from ..scheduler.iothread import IOThreads
from .lookup import Lookup


class Names(NamedTuple):
    """Of one device; None where sysfs has none. disk: of the disk that it is a node of, see `device.unit.disk_of`."""

    name: str | None = None
    wwid: str | None = None
    disk: str | None = None


class DeviceNames:
    """Looks names up, as sysfs has them when it is asked. For the main thread."""

    def __init__(self, threads: IOThreads) -> None:
        self._lookup: Lookup[dict[DeviceId, Names]] = Lookup(threads, {})

    async def look_up(self, devices: Iterable[DeviceId | None]) -> None:
        """Look up the names of devices, and forget those of others. Waits a moment at most."""
        asked = {device for device in devices if device is not None and device.is_device}
        if asked:
            await self._lookup.ask(lambda: {device: _read(device) for device in asked})

    def of(self, device: DeviceId) -> Names:
        """Those that were found last."""
        return self._lookup.answer.get(device, Names())

    def close(self) -> None:
        """Close what this has open, once no lookup runs."""
        self._lookup.close()


def _read(device: DeviceId) -> Names:
    with contextlib.suppress(OSError):
        if (folder := device.folder()) is not None:
            return Names(name_of(folder), unit_of(folder).wwid, disk_of(folder))
    return Names()
