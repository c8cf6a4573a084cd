"""What the command line is made into: keys, types, ports and times, as sg_persist writes them."""

import argparse
from collections.abc import Callable

import pytest

from prhelper.client import FibreChannelPort, IscsiPort, ReservationType, SasPort
from prhelper.ctl import values


@pytest.mark.parametrize(("text", "key"), [("a1", 0xA1), ("0xA1", 0xA1), ("0", 0), ("ffffffffffffffff", (1 << 64) - 1)])
def test_key_is_hexadecimal_with_or_without_0x(text: str, key: int) -> None:
    assert values.key(text) == key


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", ReservationType.WRITE_EXCLUSIVE),
        ("8", ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS),
        ("write-exclusive-registrants-only", ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY),
        ("EXCLUSIVE ACCESS", ReservationType.EXCLUSIVE_ACCESS),
    ],
)
def test_type_is_a_number_or_a_name(text: str, kind: ReservationType) -> None:
    assert values.reservation_type(text) is kind


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("sas,5000c50012345678", SasPort(0x5000C50012345678)),
        ("SAS,0x5000C50012345678", SasPort(0x5000C50012345678)),
        ("naa.5000c50012345678", SasPort(0x5000C50012345678)),
        ("fcp,10000090fa123456", FibreChannelPort(0x10000090FA123456)),
        ("fc.10000090fa123456", FibreChannelPort(0x10000090FA123456)),
        ("iqn.2026-01.example:node,i,0x23d000001", IscsiPort("iqn.2026-01.example:node", 0x23D000001)),
    ],
)
def test_port_is_written_as_sg_persist_or_as_the_log_does(text: str, port: object) -> None:
    assert values.transport_id(text) == port


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (values.key, "g", "not a key"),
        (values.key, "-1", "not a key"),
        (values.key, "10000000000000000", "no room in eight bytes"),
        (values.reservation_type, "2", "none of: 1 write-exclusive, 3 "),
        (values.reservation_type, "exclusive", "none of"),
        (values.transport_id, "sas,", "names no initiator port"),
        (values.transport_id, "usb,1", "names no initiator port"),
        (values.port_number, "65536", "no room in two bytes"),
        (values.port_number, "x", "not a number"),
        (values.seconds, "0", "no number of seconds"),
        (values.seconds, "inf", "no number of seconds"),
        (values.seconds, "nan", "no number of seconds"),
    ],
)
def test_what_is_no_such_value_is_refused_with_the_reason(read: Callable[[str], object], text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=why):
        read(text)
