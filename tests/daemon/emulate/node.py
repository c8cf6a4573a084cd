"""A node of a cluster: an initiator with a connection of its own, which need not wait for a reply."""

from ...support.client import Client
from ...support.nexus import Nexus, over
from ...support.spc import keys, reserve_in, reserve_out


class Node(Nexus):
    """Sends commands for the disk `fd`."""

    def __init__(self, client: Client, fd: int) -> None:
        super().__init__(over(client, fd))
        self.client = client
        self.fd = fd

    def begin(self, action: int, key: int = 0, new: int = 0, kind: int = 0, flags: int = 0) -> None:
        """Send PERSISTENT RESERVE OUT and do not wait for the reply."""
        self.client.send(reserve_out(action, kind), [self.fd])
        self.client.send(keys(key, new, flags))

    def begin_read(self, action: int) -> None:
        """Send PERSISTENT RESERVE IN and do not wait for the reply."""
        self.client.send(reserve_in(action), [self.fd])
