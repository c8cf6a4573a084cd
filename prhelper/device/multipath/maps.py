"""All multipath maps that this process has acted on, or that a process before it has left something of."""

import threading
from pathlib import Path as File

from ..stack import multipath_maps, name_of
from .map import KEY_REFUSED, Map, Means
from .paths import uuid_if_there, uuid_of, wwid_of


class Maps:
    """Maps by uuid. Any thread may call."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lock = threading.Lock()
        self._maps = {uuid: Map(uuid, means, left_over=True) for uuid in means.journal.maps()}

    def of(self, folder: File) -> Map:
        """The map with this folder in sysfs. Raises OSError if it is going away."""
        uuid = uuid_of(folder)
        with self._lock:
            return self._maps.setdefault(uuid, Map(uuid, self._means))

    def trouble_with_multipathd(self) -> str | None:
        """Why multipathd will not register paths that come back, with the remedy; None if it will, or has no maps."""
        folders = list(multipath_maps())
        if not folders:
            return None
        multipathd = self._means.multipathd
        if (trouble := multipathd.request("show daemon").trouble) is not None:
            return trouble
        names = [
            name_of(folder) for folder in folders if multipathd.keeps_keys(wwid_of(uuid_if_there(folder))) is False
        ]
        return f"{', '.join(sorted(names))}: {KEY_REFUSED}" if names else None

    def of_interest(self) -> list[Map]:
        """Those whose paths have to be watched."""
        with self._lock:
            return [each for each in self._maps.values() if each.is_of_interest]
