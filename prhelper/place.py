"""What another start may take the place of, and why it may not: made as the options, the start and the devices say."""

import os

from .channel.socket_file import SocketFile
from .devices import Made
from .handover import offer
from .host.cgroups import unit_of_process
from .host.pidfile import Pidfile
from .host.systemd import manager_is_there
from .options import Options
from .replacing.giving import Gift, Place
from .start import Started


def make(options: Options, started: Started, pidfile: Pidfile | None, made: Made) -> Place:
    """Make the place of this process."""
    gifts = {}
    for name, file in ((offer.SOCKET, started.listening), (offer.CONTROL, started.control)):
        if isinstance(file, SocketFile):
            gifts[name] = Gift(file.socket.fileno, file.give_up)
    if pidfile is not None:
        gifts[offer.PIDFILE] = Gift(pidfile.fileno, pidfile.give_up)
    if made.emulated is not None:
        gifts[offer.STATE] = Gift(made.emulated.fileno, made.emulated.unlock)

    def leave() -> None:
        made.leave()
        if made.emulated is not None:
            made.emulated.unlock()

    role = "worker" if options.multipath_worker else "helper"
    return Place(role, gifts, _why_not(started), leave)


def _why_not(started: Started) -> str | None:
    """Why this process is not to be replaced; None if it may be."""
    if started.managed:
        return (
            "libvirt has started it for one virtual machine, and knows it by its PID and the lock of its pidfile; "
            "it ends with that machine"
        )
    if manager_is_there() or os.environ.get("SYSTEMD_EXEC_PID"):
        unit = (unit_of_process(os.getpid()) or "its unit").rpartition("/")[2]
        return f"a service manager has started it: systemctl restart {unit} keeps all connections"
    if not isinstance(started.listening, SocketFile):
        return "systemd has passed it its socket: systemctl restart its unit, which keeps all connections"
    if os.getpid() == 1:
        return "it is the first process of a container, which would end with it: restart the container"
    return None
