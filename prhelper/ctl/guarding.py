"""Why a change is refused: a machine of this host is registered on the disk, or may be.

To the disk this host is one initiator. What prhelperctl registers, releases or takes away there, it does to them.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from ..client import Client, FullStatus, HelperError, Keys, ScsiError
from .control import devices_seen
from .disks import Disk
from .exits import Exit, ToolError
from .hosts_machines import machines
from .owners import Registered, ports_of, registered_on
from .reading import reading


async def refuse_if_in_use(client: Client, fd: int, disk: Disk, control: Path) -> None:
    """Raise ToolError if a machine of this host is registered there, as the daemon or the disk itself says."""
    registered = registered_on(disk, devices_seen(control) or [])
    using = [str(each) for each in registered if each.connected and not _is_ourselves(each)]
    if not using:
        having = [each for each in machines() if each.uses(disk)]
        using = list(map(str, having)) if having and await _is_registered_here(client, fd, disk) else []
    if using:
        raise ToolError(Exit.REFUSED, _refusal(disk, using))


def _is_ourselves(registered: Registered) -> bool:
    """This process, or another run of this program."""
    return registered.pid == os.getpid() or registered.comm == "prhelperctl"


def _refusal(disk: Disk, using: Iterable[str]) -> str:
    return (
        f"{disk.path}: {', '.join(sorted(set(using)))} is registered on it, or may be. This host is one initiator to a "
        "disk, so that its registration would be changed too. If that is what you want, repeat it with --force"
    )


async def _is_registered_here(client: Client, fd: int, disk: Disk) -> bool:
    """Whether any registration is of this host's ports; if those are not known, whether there is one at all."""
    ports = ports_of(disk)
    try:
        status: FullStatus = await reading(client.read_full_status, fd)
        return any(not ports or each.transport_id in ports for each in status.registrants) or not status.complete
    except ScsiError:
        pass
    try:
        keys: Keys = await reading(client.read_keys, fd)
    except (ScsiError, HelperError):
        return False
    return bool(keys.keys)
