"""Writes the log lines and trace events about clients and their commands.

Every request and every answer passes through here, and nothing else does. A line about a command has its words in
`ended`.
"""

import errno
import logging

from ..channel import BrokenResourceError, DescriptorsTruncatedError, IncompleteRead
from ..host.errors import RAISE_LIMITS
from ..host.peer import Peer
from ..logs import trace
from ..logs.handler import BYTES
from ..logs.lazy import log_lazily
from ..logs.record import Limit, at_most, unlimited
from ..protocol import Origin, ProtocolError
from ..scsi.reservation import Command
from .clients import Client, Full
from .end import AnswerLostError, AtRest, End
from .ended import Ended, device_in_words

_log = logging.getLogger(__name__)

MAX_OUT_LINES = 200
"""Lines per minute for one account's PERSISTENT RESERVE OUT: a failover of many disks at once is logged in full."""

_OUT_LINES = Limit("out", MAX_OUT_LINES)

REMEDIES = {
    **RAISE_LIMITS,
    errno.ENOSPC: "raise the limit of watched files (fs.epoll.max_user_watches)",
}
"""By errno: the remedy when a client cannot be accepted or watched."""


def refused(peer: Peer, full: Full) -> None:
    """A connection was turned away at a limit."""
    _log.warning("%s was turned away: %s", peer, full, extra=at_most(1, "full", peer.account))
    trace.client_refused(peer)


def gone(error: OSError) -> None:
    """A connection was turned away, for the process that made it has ended."""
    _log.debug("turned away: %s", error.strerror, extra=at_most(3, "gone"))


def connected(client: Client) -> None:
    """A client has connected."""
    trace.client_connect(client.number, client.peer)


def begun(client: Client, command: Command) -> None:
    """A complete request is being carried out."""
    if trace.request_begin.enabled:
        trace.request_begin(client.number, command.cdb.hex(), command.parameter_list.hex() or "-")


def speaks_for(client: Client, origin: Origin) -> None:
    """A daemon has sent a request on behalf of one of its own clients."""
    trace.client_origin(client.number, origin.number, client.asker)


def done(client: Client, ended: Ended) -> None:
    """A command has ended, and its answer has been sent or lost."""
    result = ended.result
    outcome = result.outcome
    if trace.request_end.enabled:
        trace.request_end(client.number, outcome.status, outcome.sense.hex(), outcome.data.hex() or "-")
    account = ended.peer.account
    if result.trouble is not None:
        # One kind for all texts: a client's own file system can answer with any errno.
        kind = "refused" if result.error is None else "failed"
        where = device_in_words(ended.device)
        _log.error("%s: %s: %s", client, where, result.trouble, extra=at_most(3, kind, account))
    if result.note is not None:
        for remark in result.note.remarks:
            _log.warning("map %s: %s", result.note.map_name, remark, extra=at_most(3, "multipath", account))
    level, limit = (logging.INFO, _OUT_LINES) if ended.command.is_out else (logging.DEBUG, None)
    log_lazily(_log, level, ended, account, limit)
    if _log.isEnabledFor(BYTES):
        _log_bytes(client, ended)


def ended(client: Client, end: End | AtRest | BaseException) -> None:
    """A conversation has ended: why, or with which error."""
    trace.client_end(client.number, _why(end))
    peer = client.peer
    account = peer.account
    if isinstance(end, DescriptorsTruncatedError):
        text = "%s passed %s; hung up (LimitNOFILE=, ulimit -n; the policy of AppArmor or SELinux)"
        _log.warning(text, peer, end, extra=at_most(3, "truncated", account))
    elif isinstance(end, End | AtRest | BrokenResourceError | IncompleteRead):
        return
    elif isinstance(end, ProtocolError):
        _log.warning("%s %s; hung up", peer, end, extra=at_most(3, "protocol", account))
    elif isinstance(end, AnswerLostError):
        _log.warning("%s %s; hung up", peer, end, extra=at_most(3, "lost", account))
    elif isinstance(end, TimeoutError):
        text = "%s took too long over the negotiation or a request (--request-timeout); hung up"
        _log.warning(text, peer, extra=at_most(3, "slow", account))
    elif isinstance(end, OSError):
        text, remedy = "%s was turned away: %s; %s", REMEDIES.get(end.errno or 0, "it may try again")
        _log.error(text, peer, end.strerror, remedy, extra=at_most(1, "trouble", account))
    else:
        text = "%s: a bug ended the session; please report it"
        _log.critical(text, peer, exc_info=end, extra=at_most(3, "bug", account))


def not_handed_over(client: Client, error: OSError) -> None:
    """The client could not be handed over to another process."""
    text = "%s cannot be handed over to the next prhelper: %s; hung up"
    _log.warning(text, client, error.strerror, extra=at_most(3, "handover", client.peer.account))


def stays(client: Client, error: OSError) -> None:
    """The client goes on here: the process that has taken the place of this one has ended, or takes nothing more."""
    text = "%s is still served here: it cannot follow to the prhelper that has taken the place of this one: %s"
    _log.warning(text, client, error.strerror or "it does not read", extra=at_most(3, "handover", client.peer.account))


def _why(end: End | AtRest | BaseException) -> str:
    if isinstance(end, AtRest):
        return "at rest"
    return end.value if isinstance(end, End) else str(end) or type(end).__name__


def _log_bytes(client: Client, ended: Ended) -> None:
    command, outcome = ended.command, ended.result.outcome
    where = device_in_words(ended.device)
    for text in (
        f"cdb {command.cdb.hex(' ')}, parameter list {command.parameter_list.hex(' ') or '-'}",
        f"sense {outcome.sense.hex(' ')}, data {outcome.data.hex(' ') or '-'}",
    ):
        _log.log(BYTES, "%s: %s: %s", client, where, text, extra=unlimited(client.asker.account))
