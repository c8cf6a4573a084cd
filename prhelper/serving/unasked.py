"""Log lines that say what the administrator did not ask for, but should know."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from ..device.identity import DeviceId
from ..host.machine_name import MachineName, named
from ..host.peer import Peer
from ..logs.lazy import log_lazily
from ..logs.record import LazyMessage, Limit
from .clients import News
from .ended import Ended, device_in_words

_log = logging.getLogger(__name__)


def tell(ended: Ended, news: News) -> None:
    """Log what a command has shown, if anything."""
    account = ended.peer.account
    who = ended.peer, ended.machine_name, ended.device
    if news.took_over is not None:
        log_lazily(_log, logging.INFO, TookOver(*who, news.took_over), account, Limit("taken over", 200))
    if news.shares_with:
        other = news.shares_with[0]
        line = SharedNexus(*who, other.peer, other.machine_name, len(news.shares_with))
        log_lazily(_log, logging.WARNING, line, account, Limit("shared nexus", 10))


class _TookOver(NamedTuple):
    peer: Peer
    machine_name: MachineName | None
    device: DeviceId | None
    key: int


class TookOver(_TookOver, LazyMessage):
    """QEMU has taken a reservation over at the end of a migration."""

    __slots__ = ()

    def size(self) -> int:
        """See `LazyMessage`."""
        return 0

    def words(self) -> tuple[str, Mapping[str, str]]:
        """Who, which device, and the key."""
        who, where = named(self.peer, self.machine_name), device_in_words(self.device)
        return f"{who}: {where}: taken over with key {self.key:#x}, as after a migration to this host", {}


class _SharedNexus(NamedTuple):
    peer: Peer
    machine_name: MachineName | None
    device: DeviceId | None
    other: Peer
    other_name: MachineName | None
    others: int


class SharedNexus(_SharedNexus, LazyMessage):
    """A second machine of this host has registered on a device."""

    __slots__ = ()

    def size(self) -> int:
        """See `LazyMessage`."""
        return 0

    def words(self) -> tuple[str, Mapping[str, str]]:
        """Who, which device, who else, and the remedy."""
        who, other = named(self.peer, self.machine_name), named(self.other, self.other_name)
        more = f" and {self.others - 1} more" if self.others > 1 else ""
        return (
            f"{who}: {device_in_words(self.device)}: registered, and so is {other}{more}: to the disk both are this "
            "host, so they cannot fence each other; run them on different hosts",
            {},
        )
