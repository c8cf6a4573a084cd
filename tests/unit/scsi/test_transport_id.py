"""TransportIDs as bytes and as text, against vectors laid out by hand after SPC-4, 7.6.4."""

import pytest

from prhelper.scsi.transport_id import (
    FibreChannelPort,
    IscsiPort,
    SasPort,
    TransportID,
    TransportIDError,
    parse_transport_id,
    take_transport_id,
)

IQN = "iqn.2026-01.org.example:vm"  # 26 bytes: with its null and padding 28
SAS_BYTES = "060000005000c50012345678" + "00" * 12
FC_BYTES = "00" * 8 + "2100001b32000001" + "00" * 8
NODE_BYTES = "0500001c" + IQN.encode().hex() + "0000"
PORT_BYTES = "4500002c" + (IQN + ",i,0x00023d000001").encode().hex() + "00"

VECTORS: list[tuple[TransportID, str, str]] = [
    (SasPort(0x5000C50012345678), "naa.5000c50012345678", SAS_BYTES),
    (FibreChannelPort(0x2100001B32000001), "fc.2100001b32000001", FC_BYTES),
    (IscsiPort(IQN), IQN, NODE_BYTES),
    (IscsiPort(IQN, 0x00023D000001), f"{IQN},i,0x00023d000001", PORT_BYTES),
    (IscsiPort("iqn.x"), "iqn.x", "05000014" + b"iqn.x".hex() + "00" * 15),  # padded to the least length
]


@pytest.mark.parametrize(("port", "text", "data"), VECTORS, ids=[text for _, text, _ in VECTORS])
def test_port_is_the_same_as_bytes_and_as_text(port: TransportID, text: str, data: str) -> None:
    assert port.to_bytes().hex() == data
    assert take_transport_id(bytes.fromhex(data)) == (port, b"")
    assert str(port) == text
    assert parse_transport_id(text) == port


def test_list_of_ports_is_taken_apart_one_by_one() -> None:
    rest = b"".join(port.to_bytes() for port, _, _ in VECTORS)
    taken = []
    while rest:
        port, rest = take_transport_id(rest)
        taken.append(port)
    assert taken == [port for port, _, _ in VECTORS]


def test_case_and_leading_zeros_make_no_other_port() -> None:
    assert parse_transport_id("NAA.5000C50012345678") == parse_transport_id("naa.5000c50012345678")
    assert parse_transport_id(f"{IQN.upper()},i,0x23D000001") == IscsiPort(IQN, 0x23D000001)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "not 0"),
        (SAS_BYTES[:-2], "not 23"),
        ("46" + SAS_BYTES[2:], "format 1 of protocol 0x6"),
        ("04" + SAS_BYTES[2:], "format 0 of protocol 0x4"),
        ("40" + FC_BYTES[2:], "format 1 of protocol 0x0"),
        ("05000010" + "00" * 20, "20 bytes"),
        ("05000015" + "00" * 24, "25 bytes"),
        ("0500001c" + "00" * 20, "32 bytes, where there are 24"),
        ("05000014" + "61" * 20, "terminating null"),
        ("05000014" + "ff" * 19 + "00", "UTF-8"),
        ("05000014" + "00" * 20, "names no initiator port"),
        ("05000014" + b"host,i,0x1".hex() + "00" * 10, "names no initiator port"),
        ("45" + NODE_BYTES[2:], "of format 1"),
        ("05" + PORT_BYTES[2:], "of format 0"),
        ("85" + PORT_BYTES[2:], "of format 2"),
        ("050000e8" + ("iqn." + "a" * 220).encode().hex() + "00" * 8, "names no initiator port"),
    ],
)
def test_what_is_no_transport_id_is_refused_with_the_reason(data: str, reason: str) -> None:
    with pytest.raises(TransportIDError, match=reason):
        take_transport_id(bytes.fromhex(data))


@pytest.mark.parametrize("text", ["", "naa.5000", "fc.", "naa.500014050000001g", "iqn.", f"{IQN},t,0x1", f"{IQN},i,0x"])
def test_text_that_names_no_port_is_refused(text: str) -> None:
    with pytest.raises(TransportIDError, match="names no initiator port"):
        parse_transport_id(text)
