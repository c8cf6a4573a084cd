"""Multipath: whether the helper acts on a map, whether multipathd goes along, and whether every path is registered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...client import FullStatus, HelperError, ScsiError, connect, run
from ...device.multipath.multipathd import Multipathd
from ...device.multipath.paths import paths_of, uuid_if_there, wwid_of
from ...device.multipath.ports import Ports, initiator_ports
from ...device.stack import name_of, stack_of
from ...options import DEFAULT_MULTIPATH_SOCKET
from ..disks import Disk, opened
from ..exits import ToolError
from ..output import key_text
from ..owners import registered_on
from ..reading import reading
from .causes import MAPS_REFUSED, NO_USABLE_PATH, PATH_NOT_REGISTERED, RESERVATION_KEY
from .disk import PATIENCE
from .finding import Finding
from .privileges import of_unit, qemus_without_multipath, uid_of_helper
from .serving import WORKER_UNIT, connecting
from .subjects import Socket


def maps_below(disk: Disk) -> list[Path]:
    """The multipath maps that a disk is, or lies on."""
    try:
        return sorted(stack_of(disk.folder).maps) if disk.folder else []
    except OSError:
        return []


def refusal(status: dict[str, Any] | None, sockets: Sequence[Socket]) -> str | None:
    """Why the helper does not act on maps; None if it does, or cannot be asked and seems to.

    `status`: what the daemon answers to GetStatus, if it can be asked.
    """
    for socket in sockets:
        if (pid := qemus_without_multipath(socket.path, socket.is_default)) is not None:
            return f"qemu-pr-helper (pid {pid}, at {socket.name}) is built without libmpathpersist, and asks one path"
    if status is not None:
        return _refusal_of_daemon(status["multipath"])
    uids = {socket.name: uid_of_helper(socket.path, socket.is_default) for socket in sockets}
    unable = {name: uid for name, uid in uids.items() if uid}
    if not unable or DEFAULT_MULTIPATH_SOCKET.is_socket():
        return None
    told = ", ".join(f"that at {name} has uid {uid}" for name, uid in unable.items())
    return f"only root can, and {told}; no worker is at {DEFAULT_MULTIPATH_SOCKET}"


def _refusal_of_daemon(told: dict[str, Any]) -> str | None:
    if told["handled"] == "no":
        return str(told["reason"])
    error = connecting(Path(told["socket"])) if told["handled"] == "worker" else None
    return None if error is None else f"no worker serves {told['socket']}: {error.strerror}"


def look(disk: Disk, refused: str | None, multipathd: Multipathd) -> Iterator[Finding]:
    """`refused`: why the helper does not act on maps."""
    if not (maps := maps_below(disk)):
        return
    if refused is not None:
        yield MAPS_REFUSED.found(disk.path, refused)
    yield from of_unit(disk.path, WORKER_UNIT)
    for folder in maps:
        yield from _of_map(folder, multipathd)


def _of_map(folder: Path, multipathd: Multipathd) -> Iterator[Finding]:
    name = name_of(folder)
    paths = paths_of(folder)
    if not any(path.usable for path in paths):
        states = ", ".join(f"{path.address} {path.disk}" for path in paths)
        yield NO_USABLE_PATH.found(name, f"none is running of: {states or 'no path at all'}")
    key = multipathd.reservation_key(wwid_of(uuid_if_there(folder)))
    if key is not None and key != "file":
        yield RESERVATION_KEY.found(name, f"reservation_key is {'a fixed key' if key else 'unset'}")


def registrations(disk: Disk, path: str, socket: Path, seen: list[dict[str, Any]]) -> Iterator[Finding]:
    """Whether each path has the key that the others have, as the unit itself says.

    `path`: to open it by. `seen`: the devices that the daemon has seen: they say which keys are of this host where no
    kernel names its ports.
    """
    for folder in maps_below(disk):
        usable = [each for each in paths_of(folder) if each.usable]
        ports = initiator_ports(frozenset(each.host for each in usable))
        ours = {each.key for each in registered_on(disk, seen)}
        for count in _counts(path, socket, ports, ours):
            if count < len(usable):
                names = ", ".join(each.disk for each in usable)
                text = f"{count} of {len(usable)} paths ({names}) are registered"
                yield PATH_NOT_REGISTERED.found(name_of(folder), text)


def _counts(path: str, socket: Path, ports: Ports, ours: set[str]) -> list[int]:
    """How many registrations this host has, for each of its keys but those that are of all target ports."""
    try:
        with opened(path, to_write=False) as (fd, _):
            status = run(_full_status(fd, socket))
    except (ToolError, ScsiError, HelperError):
        return []
    mine = [
        each for each in status.registrants if (each.transport_id in ports if ports else key_text(each.key) in ours)
    ]
    everywhere = {each.key for each in mine if each.all_tg_pt}
    return sorted(Counter(each.key for each in mine if each.key not in everywhere).values())


async def _full_status(fd: int, socket: Path) -> FullStatus:
    with await connect(socket, PATIENCE) as client:
        return await reading(client.read_full_status, fd)
