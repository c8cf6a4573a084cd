"""This host's initiator ports, as sysfs shows them: by them READ FULL STATUS tells which registrations are ours.

The kernel's transport classes name a port where its driver tells them. An iSCSI port may be known by its node's name
alone; what emulates an adapter often names none.
"""

import contextlib
from pathlib import Path

from ...scsi.transport_id import FibreChannelPort, IscsiPort, SasPort, TransportID, TransportIDError, parse_transport_id
from .sysfs import attribute

_CLASS = Path("/sys/class")


class Ports(frozenset[TransportID]):
    """Ports of one machine. An iSCSI node without an ISID among them stands for each of its ports."""

    __slots__ = ()

    def __contains__(self, port: object) -> bool:
        node = IscsiPort(port.name) if isinstance(port, IscsiPort) else port
        return super().__contains__(port) or super().__contains__(node)


def initiator_ports(hosts: frozenset[str]) -> Ports:
    """The ports of every SCSI host of this machine; empty if one of `hosts` ("host2") has a port that nothing names.

    Half of them would be worse than none: what is ours would be taken for another host's.
    """
    named = {**_fibre_channel(), **_sas(), **_iscsi()}
    return Ports(frozenset().union(*named.values()) if hosts and hosts <= named.keys() else ())


def _fibre_channel() -> dict[str, frozenset[TransportID]]:
    ports = ((folder.name, _number(folder / "port_name")) for folder in _members("fc_host"))
    return {host: frozenset({FibreChannelPort(name)}) for host, name in ports if name}


def _sas() -> dict[str, frozenset[TransportID]]:
    ports = ((folder.name, _number(folder / "host_sas_address")) for folder in _members("scsi_host"))
    return {host: frozenset({SasPort(address)}) for host, address in ports if address}


def _iscsi() -> dict[str, frozenset[TransportID]]:
    found: dict[str, frozenset[TransportID]] = {}
    for folder in _members("iscsi_session"):
        host = next((part for part in reversed(folder.resolve().parts) if part.startswith("host")), "")
        if (port := _iscsi_port(folder)) is not None:
            found[host] = found.get(host, frozenset()) | {port}
    return found


def _iscsi_port(session: Path) -> TransportID | None:
    name, isid = attribute(session / "initiatorname"), _number(session / "isid")
    with contextlib.suppress(TransportIDError):
        port = parse_transport_id(name)
        if isinstance(port, IscsiPort):
            return IscsiPort(port.name, isid or None)
    return None


def _members(name: str) -> list[Path]:
    folder = _CLASS / name
    return sorted(folder.iterdir()) if folder.exists() else []


def _number(file: Path) -> int:
    """A number in hexadecimal; 0 if there is none."""
    try:
        return int(attribute(file), 16)
    except ValueError:
        return 0
