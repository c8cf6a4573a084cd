"""A client that another process had: where its conversation goes on, and who it is."""

import time
from collections.abc import Callable
from typing import NamedTuple

from ..channel import OwnedFd, SocketChannel
from ..handover.message import Connection
from ..host.peer import Peer
from .clients import Client
from .end import AtRest


class Former(NamedTuple):
    """What the other process said of a connection, and the descriptor of the request that it has begun, if any."""

    connection: Connection
    device: OwnedFd | None

    def peer(self, channel: SocketChannel, peer_of: Callable[[SocketChannel], Peer]) -> Peer:
        """Who is at the other end, as the kernel says. Raises OSError if it does not say that of this connection.

        If the process that connected has ended since, another one may have the connection, and the kernel tells no
        more than PID and user. Then it counts for the same account as before, or each restart would free its place.
        """
        said = self.connection
        pid, uid, _ = channel.peer_credentials()
        same = (pid, uid) == (said.pid, said.uid)
        try:
            peer = peer_of(channel)
        except ProcessLookupError:
            if not same:
                raise
        else:
            if not same or peer.started == said.started:
                return peer
        return Peer(pid, uid, said.name, said.account, said.started)

    def rest(self, request_timeout: float) -> AtRest:
        """Where its conversation goes on."""
        said = self.connection
        deadline = said.deadline
        if said.begun or said.agreed is None:  # it gains no time by a restart, nor does a wrong clock give it any
            latest = time.monotonic() + request_timeout
            deadline = latest if deadline is None else min(deadline, latest)
        return AtRest(said.agreed, said.begun, self.device, deadline)


def described(client: Client, rest: AtRest) -> Connection:
    """What to say of a connection that is handed over."""
    peer = client.peer
    return Connection(
        number=client.number,
        commands=client.commands,
        connected_at=client.connected_at,
        agreed=rest.agreed,
        begun=rest.begun,
        device=rest.device is not None,
        deadline=rest.deadline,
        pid=peer.pid,
        uid=peer.uid,
        started=peer.started,
        name=peer.name,
        account=peer.account,
    )
