"""The client's half by tables: what a helper may answer, and what is no answer to what it was asked."""

import struct

import pytest

from prhelper.protocol import ON_BEHALF, ProtocolError, Response, ResponseDecoder, encode_features, encode_request
from prhelper.scsi.reservation import Command

from ...support.spc import keys, reserve_in, reserve_out

OFFERED = bytes(4)
SENSE = bytes(range(96))

IN = Command(reserve_in(0, 8))
OUT = Command(reserve_out(0), keys(0, 0x1234))

RESPONSES = {
    "GOOD without data": (IN, 0x00, b""),
    "less than the allocation length": (IN, 0x00, b"1234567"),
    "the whole allocation length": (IN, 0x00, b"12345678"),
    "8192 bytes": (Command(reserve_in(0, 8192)), 0x00, bytes(range(256)) * 32),
    "CHECK CONDITION": (IN, 0x02, b""),
    "the highest status": (IN, 0xFF, b""),
    "GOOD to OUT": (OUT, 0x00, b""),
    "conflict": (OUT, 0x18, b""),
}

VIOLATIONS = {
    "status above a byte": (IN, 0x100, 0, "status 256"),
    "status below 0": (IN, -1, 0, "status -1"),
    "payload of negative size": (IN, 0, -1, "-1 bytes where there is room for 8"),
    "payload above the allocation length": (IN, 0, 9, "9 bytes where there is room for 8"),
    "payload to OUT": (OUT, 0, 1, "1 bytes where there is room for 0"),
    "payload with CHECK CONDITION": (IN, 0x02, 1, "1 bytes where there is room for 0"),
}


def response(status: int, size: int, payload: bytes = b"") -> bytes:
    return struct.pack(">ii", status, size) + SENSE + payload


def negotiated() -> ResponseDecoder:
    decoder = ResponseDecoder()
    assert decoder.feed(OFFERED) is None
    return decoder


def feed(decoder: ResponseDecoder, data: bytes, most: int) -> Response | None:
    """Feed everything, `most` bytes at a time; nothing must be complete before the last byte."""
    answer = None
    while data:
        assert answer is None
        size = min(most, decoder.needed)
        answer = decoder.feed(data[:size])
        data = data[size:]
    return answer


@pytest.mark.parametrize("most", [1, 3, 100_000], ids=["byte by byte", "three at a time", "whole"])
@pytest.mark.parametrize(("command", "status", "payload"), RESPONSES.values(), ids=RESPONSES.keys())
def test_response_comes_out_as_it_was_sent_however_it_arrives(
    command: Command, status: int, payload: bytes, most: int
) -> None:
    decoder = ResponseDecoder()
    assert feed(decoder, OFFERED, most) is None
    for _ in range(2):
        assert (decoder.negotiating, decoder.needed) == (False, 0)
        decoder.expect(command)
        assert feed(decoder, response(status, len(payload), payload), most) == ((status, SENSE, payload), None)


@pytest.mark.parametrize(("command", "status", "size", "text"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation_is_named_and_the_decoder_stays_failed(command: Command, status: int, size: int, text: str) -> None:
    decoder = negotiated()
    decoder.expect(command)
    with pytest.raises(ProtocolError, match=text):
        decoder.feed(response(status, size))
    with pytest.raises(ProtocolError, match="failed before"):
        decoder.feed(b"\0")


def test_bytes_that_answer_no_request_are_a_violation() -> None:
    decoder = negotiated()
    with pytest.raises(ProtocolError, match="5 bytes that answer no request"):
        decoder.feed(bytes(5))
    with pytest.raises(ProtocolError, match="failed before"):
        decoder.feed(bytes(5))


def test_features_that_are_offered_need_not_be_wanted() -> None:
    decoder = ResponseDecoder()
    assert decoder.negotiating
    decoder.feed(b"\xff" * 4)
    assert (decoder.negotiating, decoder.agreed) == (False, 0)
    assert encode_features(decoder.agreed) == bytes(4)


@pytest.mark.parametrize(("offered", "agreed"), [(0, 0), (1, 0), (ON_BEHALF, ON_BEHALF), (0xFFFFFFFF, ON_BEHALF)])
def test_feature_that_is_wanted_is_agreed_on_where_it_is_offered(offered: int, agreed: int) -> None:
    decoder = ResponseDecoder(ON_BEHALF)
    decoder.feed(struct.pack(">I", offered))
    assert decoder.agreed == agreed
    assert encode_features(agreed) == struct.pack(">I", agreed)


def test_expecting_a_response_while_another_is_due_is_the_callers_fault() -> None:
    decoder = ResponseDecoder()
    with pytest.raises(RuntimeError, match="has yet to answer"):
        decoder.expect(IN)
    decoder.feed(OFFERED)
    decoder.expect(IN)
    with pytest.raises(RuntimeError, match="has yet to answer"):
        decoder.expect(IN)


def test_feeding_more_than_is_needed_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="5 bytes at once where 4 are needed"):
        ResponseDecoder().feed(bytes(5))


@pytest.mark.parametrize("command", [IN, OUT, Command(reserve_out(0, length=0))], ids=["IN", "OUT", "no list"])
def test_request_is_cdb_and_parameter_list(command: Command) -> None:
    assert encode_request(command) == command.cdb + command.parameter_list


REFUSED = {
    "CDB of 10 bytes": (Command(reserve_in(0)[:10]), "a CDB of 10 bytes"),
    "INQUIRY": (Command(bytes([0x12]) + bytes(15)), "0x12"),
    "allocation length 8193": (Command(reserve_in(0, 8193)), "8193"),
    "parameter list cut off": (Command(reserve_out(0), bytes(23)), "23 bytes where the CDB says 24"),
    "parameter list with IN": (Command(reserve_in(0), bytes(24)), "24 bytes where the CDB says 0"),
}


@pytest.mark.parametrize(("command", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_request_that_a_helper_would_hang_up_on_is_never_made(command: Command, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        encode_request(command)
