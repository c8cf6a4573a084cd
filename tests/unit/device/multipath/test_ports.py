"""This host's initiator ports, as the kernel's transport classes name them."""

import pytest

from prhelper.device.multipath.ports import initiator_ports
from prhelper.scsi.transport_id import FibreChannelPort, IscsiPort, SasPort, TransportID

from .host import Host

FC, SAS = FibreChannelPort(0x10000090FA942DB1), SasPort(0x500605B00A1B2C3D)
NAME = "iqn.1993-08.org.debian:01:abc"


@pytest.fixture(autouse=True)
def adapters(host: Host) -> None:
    host.write("sys/class/fc_host/host2/port_name", "0x10000090fa942db1")
    host.write("sys/class/scsi_host/host3/host_sas_address", "0x500605b00a1b2c3d")
    (host.root / "sys/class/scsi_host/host7").mkdir(parents=True)
    session = host.root / "sys/devices/platform/host10/session1/iscsi_session/session1"
    host.write_to(session / "initiatorname", NAME)
    (host.root / "sys/class/iscsi_session").mkdir(parents=True)
    (host.root / "sys/class/iscsi_session/session1").symlink_to(session)


@pytest.mark.parametrize(
    ("hosts", "ports"),
    [
        ({"host2"}, {FC, SAS, IscsiPort(NAME)}),
        ({"host2", "host3", "host10"}, {FC, SAS, IscsiPort(NAME)}),
        ({"host7"}, set()),
        ({"host2", "host7"}, set()),
        (set(), set()),
    ],
)
def test_all_ports_are_known_unless_nothing_names_that_of_a_path(hosts: set[str], ports: set[TransportID]) -> None:
    assert set(initiator_ports(frozenset(hosts))) == ports


def test_iscsi_port_has_the_isid_where_the_driver_tells_it(host: Host) -> None:
    host.write("sys/devices/platform/host10/session1/iscsi_session/session1/isid", "00023d000001")
    assert IscsiPort(NAME, 0x00023D000001) in initiator_ports(frozenset({"host10"}))


def test_iscsi_node_stands_for_all_its_ports_where_the_driver_tells_no_isid() -> None:
    ports = initiator_ports(frozenset({"host10"}))
    assert IscsiPort(NAME, 0x00023D000001) in ports
    assert IscsiPort("iqn.1993-08.org.debian:01:other", 0x00023D000001) not in ports
    assert FC in ports
    assert FibreChannelPort(1) not in ports


def test_names_that_make_no_sense_name_no_port(host: Host) -> None:
    host.write("sys/class/fc_host/host2/port_name", "<NULL>")
    host.write("sys/devices/platform/host10/session1/iscsi_session/session1/initiatorname", "<NULL>")
    assert set(initiator_ports(frozenset({"host2"}))) == set()
    assert set(initiator_ports(frozenset({"host10"}))) == set()
    assert set(initiator_ports(frozenset({"host3"}))) == {SAS}
