"""All multipath maps that this process has acted on, or that a process before it has left something of."""

import threading
from pathlib import Path as File

from ..stack import multipath_maps, name_of
from .map import KEY_REFUSED, Map, Means
from .multipathd import Reply
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
        if (reply := self.ask_multipathd()) is None or reply.trouble is not None:
            return reply and reply.trouble
        multipathd = self._means.multipathd
        names = [
            name_of(folder)
            for folder in multipath_maps()
            if multipathd.keeps_keys(wwid_of(uuid_if_there(folder))) is False
        ]
        return f"{', '.join(sorted(names))}: {KEY_REFUSED}" if names else None

    def ask_multipathd(self) -> Reply | None:
        """What multipathd answers, which may take seconds; None if there is no map."""
        return self._means.multipathd.request("show daemon") if any(multipath_maps()) else None

    def of_interest(self) -> list[Map]:
        """Those whose paths have to be watched."""
        with self._lock:
            return [each for each in self._maps.values() if each.is_of_interest]
