"""The helper's half by tables: each conversation is fed whole, byte by byte, and with a tail of the next one."""

import os
import struct
from collections.abc import Iterator

import pytest

from prhelper.channel import OwnedFd
from prhelper.protocol import ProtocolError, Request, RequestDecoder, encode_features, encode_response
from prhelper.scsi import sense
from prhelper.scsi.outcome import NO_SENSE, Outcome, check_condition
from prhelper.scsi.status import Status

from ...support.spc import keys, reserve_in, reserve_out

NO_FEATURES = bytes(4)
INQUIRY = bytes([0x12]) + bytes(15)

REQUESTS = {
    "READ KEYS": (reserve_in(0), b""),
    "allocation length 0": (reserve_in(0, 0), b""),
    "allocation length 8192": (reserve_in(0, 8192), b""),
    "unknown service action": (reserve_in(0x1F), b""),
    "REGISTER": (reserve_out(0), keys(0, 0x1234)),
    "empty parameter list": (reserve_out(0, 0, 0), b""),
    "parameter list of 8192 bytes": (reserve_out(0, 0, 8192), bytes(range(256)) * 32),
    "bytes 5 and 6 not zero": (reserve_out(0)[:5] + b"\xff\xff" + reserve_out(0)[7:], keys()),
}

VIOLATIONS = {
    "features that were not offered": (struct.pack(">I", 1), b"", 0, "features 0x1"),
    "no descriptor": (NO_FEATURES, reserve_in(0), 0, "without a descriptor"),
    "two descriptors": (NO_FEATURES, reserve_in(0), 2, "2 descriptors"),
    "INQUIRY": (NO_FEATURES, INQUIRY, 1, "0x12"),
    "allocation length 8193": (NO_FEATURES, reserve_in(0, 8193), 1, "8193"),
    "parameter list length 8193": (NO_FEATURES, reserve_out(0, 0, 8193), 1, "8193"),
}


@pytest.fixture
def decoder() -> Iterator[RequestDecoder]:
    decoder = RequestDecoder()
    yield decoder
    decoder.close()


def a_descriptor() -> OwnedFd:
    return OwnedFd(os.open("/dev/null", os.O_RDONLY))


@pytest.mark.parametrize(
    ("data", "descriptors", "size"),
    [
        (reserve_out(0), 1, 24),
        (reserve_out(0, 0, 0), 1, 0),
        (reserve_out(0, 0, 8192), 1, 8192),
        (reserve_out(0, 0, 8193), 1, 0),
        (reserve_out(0), 0, 0),
        (reserve_out(0), 2, 0),
        (reserve_out(0)[:15], 1, 0),
        (reserve_in(0, 8192), 1, 0),
    ],
)
def test_size_of_what_comes_behind_the_first_bytes_of_a_request(
    decoder: RequestDecoder, data: bytes, descriptors: int, size: int
) -> None:
    fds = [a_descriptor() for _ in range(descriptors)]
    assert decoder.size_behind(data, fds) == size
    for fd in fds:
        fd.close()


def feed(decoder: RequestDecoder, data: bytes, fds: list[OwnedFd], most: int) -> list[Request]:
    """Feed everything, `most` bytes at a time, descriptors with the first byte where they are taken."""
    requests = []
    while data:
        size = min(most, decoder.needed, len(data))
        taken = [fds.pop()] if decoder.takes_descriptors and decoder.at_boundary and fds else []
        request = decoder.feed(data[:size], taken)
        data = data[size:]
        if request is not None:
            request.device.close()
            requests.append(request)
    return requests


@pytest.mark.parametrize("most", [1, 3, 100_000], ids=["byte by byte", "three at a time", "whole"])
@pytest.mark.parametrize(("cdb", "parameter_list"), REQUESTS.values(), ids=REQUESTS.keys())
def test_request_comes_out_as_it_was_sent_however_it_arrives(
    decoder: RequestDecoder, cdb: bytes, parameter_list: bytes, most: int
) -> None:
    fds = [a_descriptor(), a_descriptor()]
    requests = feed(decoder, NO_FEATURES + 2 * (cdb + parameter_list) + b"\x5e", fds, most)
    assert [(request.command.cdb, request.command.parameter_list) for request in requests] == 2 * [
        (cdb, parameter_list)
    ]
    assert not decoder.at_boundary
    assert decoder.needed == 15


@pytest.mark.parametrize(("features", "cdb", "count", "text"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation_is_named_and_the_decoder_stays_failed(
    decoder: RequestDecoder, features: bytes, cdb: bytes, count: int, text: str
) -> None:
    def converse() -> None:
        decoder.feed(features)
        decoder.feed(cdb, [a_descriptor() for _ in range(count)])

    with pytest.raises(ProtocolError, match=text):
        converse()
    with pytest.raises(ProtocolError, match="failed before"):
        decoder.feed(b"\0")


def test_descriptors_of_an_unfinished_request_are_closed_with_the_decoder() -> None:
    decoder = RequestDecoder()
    decoder.feed(NO_FEATURES)
    fd = a_descriptor()
    decoder.feed(reserve_out(0)[:5], [fd])
    decoder.close()
    assert fd.fileno() == -1


def test_descriptors_that_come_one_with_each_half_of_the_cdb_are_two(decoder: RequestDecoder) -> None:
    decoder.feed(NO_FEATURES)
    decoder.feed(reserve_in(0)[:8], [a_descriptor()])
    with pytest.raises(ProtocolError, match="2 descriptors"):
        decoder.feed(reserve_in(0)[8:], [a_descriptor()])


def test_descriptors_beyond_the_first_are_not_held_until_the_cdb_is_whole(decoder: RequestDecoder) -> None:
    decoder.feed(NO_FEATURES)
    with pytest.raises(ProtocolError, match="16 descriptors"):
        decoder.feed(b"\x5e", [a_descriptor() for _ in range(16)])


def test_negotiation_is_over_with_the_last_byte_of_the_features(decoder: RequestDecoder) -> None:
    for byte in NO_FEATURES:
        assert decoder.negotiating
        assert not decoder.at_boundary
        decoder.feed(bytes([byte]))
    assert not decoder.negotiating
    assert decoder.at_boundary


def test_the_start_of_a_parameter_list_is_no_boundary_though_it_is_as_long_as_a_cdb(decoder: RequestDecoder) -> None:
    decoder.feed(NO_FEATURES)
    decoder.feed(reserve_out(0, 0, 16), [a_descriptor()])
    assert decoder.needed == 16
    assert not decoder.at_boundary
    assert not decoder.takes_descriptors


def test_descriptors_are_held_until_a_request_takes_them_or_it_is_closed(decoder: RequestDecoder) -> None:
    decoder.feed(NO_FEATURES)
    assert not decoder.holds_descriptors
    for _ in range(2):
        decoder.feed(reserve_in(0)[:1], [a_descriptor()])
        assert decoder.holds_descriptors
        request = decoder.feed(reserve_in(0)[1:])
        assert request is not None
        request.device.close()
        assert not decoder.holds_descriptors
    decoder.feed(reserve_in(0)[:1], [a_descriptor()])
    decoder.close()
    assert not decoder.holds_descriptors


def test_descriptors_are_wanted_with_a_cdb_only(decoder: RequestDecoder) -> None:
    wanted = [decoder.takes_descriptors]
    decoder.feed(NO_FEATURES)
    wanted.append(decoder.takes_descriptors)
    decoder.feed(reserve_out(0), [a_descriptor()])
    wanted.append(decoder.takes_descriptors)
    assert wanted == [False, True, False]


@pytest.mark.parametrize("data", [b"", bytes(5)], ids=["nothing", "more than needed"])
def test_feeding_other_than_what_is_needed_is_the_callers_fault(decoder: RequestDecoder, data: bytes) -> None:
    with pytest.raises(ValueError, match="bytes at once"):
        decoder.feed(data)


RESPONSES = {
    "GOOD with data": (Outcome(Status.GOOD, NO_SENSE, b"abc"), "00000000 00000003" + 96 * "00" + "616263"),
    "conflict": (Outcome(Status.RESERVATION_CONFLICT), "00000018 00000000" + 96 * "00"),
    "sense": (
        check_condition(sense.INVALID_OPCODE),
        "00000002 00000000" + "70000500000000 0a 00000000 2000 00000000" + 78 * "00",
    ),
}


@pytest.mark.parametrize(("outcome", "wire"), RESPONSES.values(), ids=RESPONSES.keys())
def test_response_is_status_size_sense_and_payload(outcome: Outcome, wire: str) -> None:
    assert encode_response(outcome) == bytes.fromhex(wire)


def test_no_features_are_offered() -> None:
    assert encode_features() == NO_FEATURES


def position(decoder: RequestDecoder) -> tuple[object, ...]:
    """Where a decoder is, as far as its user can tell."""
    return decoder.negotiating, decoder.needed, decoder.takes_descriptors, decoder.at_boundary, decoder.begun


WHOLE = NO_FEATURES + reserve_out(0) + keys(1, 2)


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_conversation_goes_on_in_another_decoder_wherever_it_is(decoder: RequestDecoder, size: int) -> None:
    fds = [a_descriptor()]
    assert feed(decoder, WHOLE[:size], fds, 64) == []
    other = RequestDecoder()
    device = decoder.take_descriptor()
    assert not decoder.holds_descriptors
    other.restore(None if decoder.negotiating else decoder.agreed, decoder.begun, [] if device is None else [device])
    assert position(other) == position(decoder)
    (request,) = feed(other, WHOLE[size:], fds, 64)
    assert (request.command.cdb, request.command.parameter_list) == (reserve_out(0), keys(1, 2))
    request.device.close()


IMPOSSIBLE = {
    "features that were not offered": (1, b"", 0, "features 0x1"),
    "more than the features": (None, NO_FEATURES, 0, "more than one request"),
    "a whole request": (0, reserve_in(0), 1, "more than one request"),
    "another command": (0, INQUIRY, 1, "0x12"),
    "a request without a descriptor": (0, reserve_out(0), 0, "without a descriptor"),
    "two descriptors": (0, reserve_in(0)[:5], 2, "2 descriptors"),
    "a descriptor without a request": (0, b"", 1, "descriptor without a CDB"),
    "a descriptor with features": (None, bytes(2), 1, "descriptor without a CDB"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_state_in_which_no_conversation_can_be_is_refused(decoder: RequestDecoder, name: str) -> None:
    agreed, begun, count, reason = IMPOSSIBLE[name]
    fds = [a_descriptor() for _ in range(count)]
    with pytest.raises(ProtocolError, match=reason):
        decoder.restore(agreed, begun, fds)
    decoder.close()
    assert [fd.fileno() for fd in fds] == [-1] * count
