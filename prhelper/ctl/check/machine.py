"""How a virtual machine has a disk: what in its command line keeps reservations from the disk."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..hosts_machines import Machine
from ..qemu import PASSES_THROUGH, GuestDisk
from ..their_paths import in_their_root
from .causes import (
    NO_PR_MANAGER,
    NO_SUCH_PR_MANAGER,
    PR_MANAGER_DISCONNECTED,
    SHARED_PR_MANAGER,
    SOCKET_GONE,
    STOPS_ON_ERROR,
    WRONG_GUEST_DEVICE,
)
from .finding import Finding
from .qmp import connected_managers

_BRING_IT_THERE = (
    "A connection that is lost cannot be made again. Bind-mount the directory of {} into the machine's root directory, "
    "or start the machine without -chroot."
)


def look(machine: Machine, disks: list[GuestDisk]) -> Iterator[Finding]:
    """`disks`: those of the machine that are to be looked at."""
    for disk in disks:
        yield from _of_disk(machine, disk)
    yield from _shared(machine, disks)
    wanted = {disk.pr_manager for disk in disks}
    yield from _disconnected(machine, wanted)
    yield from _out_of_reach(machine, wanted)


def _of_disk(machine: Machine, disk: GuestDisk) -> Iterator[Finding]:
    about = f"{machine}, {disk.file}"
    name = f"{disk.driver} {disk.name}".strip()
    if disk.driver not in PASSES_THROUGH:
        yield WRONG_GUEST_DEVICE.found(about, f"the guest has it as {name}")
        return
    if disk.pr_manager is None:
        yield NO_PR_MANAGER.found(about, f"{name} has no pr-manager")
    elif disk.pr_manager not in machine.command_line.managers:
        yield NO_SUCH_PR_MANAGER.found(about, f"{name} has pr-manager={disk.pr_manager}, which is no pr-manager-helper")
    stops = [f"{name}={value}" for name, value in (("rerror", disk.rerror), ("werror", disk.werror)) if value == "stop"]
    if stops:
        yield STOPS_ON_ERROR.found(about, f"{name} has {','.join(stops)}")


def _shared(machine: Machine, disks: list[GuestDisk]) -> Iterator[Finding]:
    """Of all its disks that have one, though only some are looked at."""
    looked_at = {disk.pr_manager for disk in disks}
    of_manager = Counter(disk.pr_manager for disk in machine.command_line.disks if disk.pr_manager)
    for manager, count in of_manager.items():
        if count > 1 and manager in looked_at:
            yield SHARED_PR_MANAGER.found(str(machine), f"{count} disks have pr-manager={manager}")


def _disconnected(machine: Machine, wanted: set[str | None]) -> Iterator[Finding]:
    """Where QEMU can be asked."""
    for manager, is_connected in connected_managers(machine).items():
        if manager in wanted and not is_connected:
            path = machine.command_line.managers.get(manager, "?")
            yield PR_MANAGER_DISCONNECTED.found(str(machine), f"query-pr-managers: {manager} ({path}) is not connected")


def _out_of_reach(machine: Machine, wanted: set[str | None]) -> Iterator[Finding]:
    """Where the machine has another root directory, by -chroot or a mount namespace, since it connected."""
    for manager, path in machine.command_line.managers.items():
        theirs = in_their_root(machine.pid, path)
        if manager in wanted and path.startswith("/") and Path(path).exists() and _is_missing(theirs):
            yield SOCKET_GONE.found(
                str(machine), f"{theirs} is not there, though {path} is", _BRING_IT_THERE.format(path)
            )


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
