"""The daemon's words for what the wire carries between it and its multipath worker (`protocol.on_behalf`)."""

from ...host.peer import Peer
from ...protocol import Origin, Report, Response
from ..execution import Note, Result


def origin_of(peer: Peer, number: int) -> Origin:
    """One of the daemon's clients, as the worker is told; `number` tells its connection from all others."""
    return Origin(number, peer.pid, peer.uid, peer.name, peer.account)


def peer_of(origin: Origin) -> Peer:
    """The daemon's client, as the worker knows it."""
    return Peer(origin.pid, origin.uid, origin.name, origin.account)


def report_of(result: Result) -> Report:
    """What the worker says about a command."""
    note = result.note or Note("", "")
    return Report(*note, trouble=result.trouble, error=result.error)


def result_of(response: Response, seconds: float) -> Result:
    """What the daemon makes of the worker's response; `seconds`: how long it took to come."""
    report = response.report or Report()
    note = Note(report.map_name, report.wwid, report.used, report.skipped, report.remarks)
    return Result(response.outcome, seconds, report.trouble, report.error, note=note if report.map_name else None)
