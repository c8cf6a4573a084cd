"""What daemon and worker tell each other: bounded and printable when written, and checked when read."""

import json
import os
import struct
from contextlib import closing, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prhelper.channel import OwnedFd
from prhelper.protocol import (
    ON_BEHALF,
    Origin,
    ProtocolError,
    Report,
    Request,
    RequestDecoder,
    Response,
    ResponseDecoder,
    encode_request,
    encode_response,
)
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command

from ...support.spc import keys, reserve_in, reserve_out

FEATURE = struct.pack(">I", 0x8000_0000)
OUT = Command(reserve_out(0), keys(0, 0x1234))
HEAD = bytes(8) + bytes(96)

ORIGIN = Origin(7, 4711, 107, "qemu", "machine.scope")
ORIGIN_JSON = {"number": 7, "pid": 4711, "uid": 107, "name": "qemu", "account": "machine.scope"}
REPORT = Report("mpatha", "3600140511112222", ("2:0:0:0",), ("3:0:0:0",), ("one is missing",), "refused", 5)
REPORT_JSON = {
    "map_name": "mpatha",
    "wwid": "3600140511112222",
    "used": ["2:0:0:0"],
    "skipped": ["3:0:0:0"],
    "remarks": ["one is missing"],
    "trouble": "refused",
    "error": 5,
}


def sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def as_json(fields: object) -> bytes:
    return sized(json.dumps(fields).encode())


def read_origin(data: bytes) -> Request | None:
    """What the worker reads of an OUT with this behind it."""
    with closing(RequestDecoder(ON_BEHALF)) as decoder:
        decoder.feed(FEATURE)
        decoder.feed(OUT.cdb, [OwnedFd(os.open("/dev/null", os.O_RDONLY))])
        decoder.feed(OUT.parameter_list)
        assert not decoder.at_boundary
        assert not decoder.takes_descriptors
        if (request := decoder.feed(data[:4])) is None and data[4:]:
            request = decoder.feed(data[4:])
        if request is not None:
            request.device.close()
            assert decoder.at_boundary
        return request


def read_report(data: bytes) -> Response | None:
    """What the daemon reads of an answer to OUT with this behind it."""
    decoder = ResponseDecoder(ON_BEHALF)
    decoder.feed(FEATURE)
    decoder.expect(OUT)
    assert decoder.feed(HEAD) is None
    response = decoder.feed(data[:4])
    return decoder.feed(data[4:]) if data[4:] else response


def test_request_is_followed_by_its_origin() -> None:
    data = encode_request(OUT, ORIGIN)
    assert data.startswith(OUT.cdb + OUT.parameter_list)
    assert json.loads(data[40 + 4 :]) == ORIGIN_JSON
    assert data[40:44] == struct.pack(">I", len(data) - 44)
    request = read_origin(data[40:])
    assert request is not None
    assert (request.command, request.origin) == (OUT, ORIGIN)


def test_response_is_followed_by_its_report() -> None:
    data = encode_response(Outcome(0), REPORT)
    assert data.startswith(HEAD)
    assert json.loads(data[104 + 4 :]) == REPORT_JSON
    assert data[104:108] == struct.pack(">I", len(data) - 108)
    assert read_report(data[104:]) == (Outcome(0), REPORT)


WRONG_ORIGINS: dict[str, tuple[bytes, str]] = {
    "no bytes": (sized(b""), "identity of 0 bytes"),
    "too many bytes": (struct.pack(">I", 8193), "identity of 8193 bytes"),
    "no UTF-8": (sized(b'{"name":"\xff"}'), "is no JSON"),
    "UTF-16": (sized("{}".encode("utf-16")), "is no JSON"),
    "no JSON": (sized(b"{"), "is no JSON"),
    "nested too deep": (sized(b"[" * 8192), "is no JSON"),
    "no object": (as_json([]), "does not have the fields number"),
    "a field less": (as_json({"number": 7}), "does not have the fields number"),
    "a field more": (as_json({**ORIGIN_JSON, "gid": 1}), "does not have the fields number"),
    "number below 0": (as_json({**ORIGIN_JSON, "number": -1}), "wrong number"),
    "number beyond 64 bits": (as_json({**ORIGIN_JSON, "pid": 2**64}), "wrong pid"),
    "number that is none": (as_json({**ORIGIN_JSON, "uid": 1.5}), "wrong uid"),
    "number that is true": (as_json({**ORIGIN_JSON, "uid": True}), "wrong uid"),
    "text that is none": (as_json({**ORIGIN_JSON, "name": None}), "wrong name"),
    "text of 501 characters": (as_json({**ORIGIN_JSON, "name": 501 * "a"}), "wrong name"),
    "line break": (as_json({**ORIGIN_JSON, "account": "a\nb"}), "wrong account"),
    "half a surrogate pair": (as_json({**ORIGIN_JSON, "account": "\ud800"}), "wrong account"),
}

WRONG_REPORTS: dict[str, tuple[bytes, str]] = {
    "no bytes": (sized(b""), "report of 0 bytes"),
    "too many bytes": (struct.pack(">I", 262_145), "report of 262145 bytes"),
    "no JSON": (sized(b"{"), "is no JSON"),
    "a field less": (as_json({"map_name": "mpatha"}), "does not have the fields map_name"),
    "list that is none": (as_json({**REPORT_JSON, "used": "sda"}), "wrong used"),
    "33 texts": (as_json({**REPORT_JSON, "skipped": 33 * ["a"]}), "wrong skipped"),
    "escape sequence": (as_json({**REPORT_JSON, "remarks": ["\x1b[31m"]}), "wrong remarks"),
    "trouble that is no text": (as_json({**REPORT_JSON, "trouble": 1}), "wrong trouble"),
    "errno that is no number": (as_json({**REPORT_JSON, "error": "EIO"}), "wrong error"),
}


@pytest.mark.parametrize(("data", "text"), WRONG_ORIGINS.values(), ids=WRONG_ORIGINS.keys())
def test_origin_that_no_daemon_writes_is_a_violation(data: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        read_origin(data)


@pytest.mark.parametrize(("data", "text"), WRONG_REPORTS.values(), ids=WRONG_REPORTS.keys())
def test_report_that_no_worker_writes_is_a_violation(data: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        read_report(data)


@pytest.mark.parametrize(
    ("field", "report"), [("trouble", REPORT._replace(trouble=None)), ("error", REPORT._replace(error=None))]
)
def test_report_may_lack_what_there_is_not_always(field: str, report: Report) -> None:
    assert read_report(as_json({**REPORT_JSON, field: None})) == (Outcome(0), report)


def test_what_is_too_long_or_cannot_be_printed_is_cut_off_and_replaced() -> None:
    data = encode_response(Outcome(0), Report("a\nb", 501 * "\U0001f600", tuple(map(str, range(40)))))
    response = read_report(data[104:])
    assert response is not None
    assert response.report is not None
    assert (response.report.map_name, response.report.wwid) == ("a?b", 500 * "\U0001f600")
    assert response.report.used == (*map(str, range(31)), "and 9 more")


def test_as_many_texts_as_there_is_room_for_are_all_there() -> None:
    texts = tuple(map(str, range(32)))
    response = read_report(encode_response(Outcome(0), REPORT._replace(used=texts))[104:])
    assert response is not None
    assert response.report is not None
    assert response.report.used == texts


def test_the_longest_report_and_the_longest_origin_have_room() -> None:
    for character in ("\U0010ffff", "\U0001f600", '"', "\\", "\n", "\ud800"):
        longest = 1000 * character
        texts = 100 * (longest,)
        response = read_report(encode_response(Outcome(0), Report(longest, longest, *3 * (texts,), longest, 5))[104:])
        assert response is not None
        request = read_origin(encode_request(OUT, Origin(2**64 - 1, 2**64 - 1, 2**64 - 1, longest, longest))[40:])
        assert request is not None


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)
_CHANGED = st.builds(
    lambda fields, changed, value: {**fields, changed: value},
    st.sampled_from([ORIGIN_JSON, REPORT_JSON]),
    st.sampled_from(sorted({*ORIGIN_JSON, *REPORT_JSON})),
    _JSON,
)


@settings(deadline=None)
@given(st.binary(max_size=100) | st.builds(lambda fields: json.dumps(fields).encode(), _JSON | _CHANGED))
def test_nothing_but_a_protocol_error_comes_of_rubbish(data: bytes) -> None:
    for read in (read_origin, read_report):
        with suppress(ProtocolError):
            read(sized(data))


@pytest.mark.parametrize("offered", [0, ON_BEHALF])
def test_request_of_a_client_that_wants_no_feature_has_no_origin(offered: int) -> None:
    with closing(RequestDecoder(offered)) as decoder:
        decoder.feed(bytes(4))
        request = decoder.feed(reserve_in(0), [OwnedFd(os.open("/dev/null", os.O_RDONLY))])
        assert request is not None
        request.device.close()
        assert (decoder.agreed, request.origin) == (0, None)


@pytest.mark.parametrize("size", [0, 1, 16, 39, 40, 43, 44, 45, -1])
def test_request_on_behalf_goes_on_in_another_decoder_wherever_it_is(size: int) -> None:
    data = encode_request(OUT, ORIGIN)
    size = size if size >= 0 else len(data) - 1
    with closing(RequestDecoder(ON_BEHALF)) as first, closing(RequestDecoder(ON_BEHALF)) as second:
        first.feed(FEATURE)
        device = OwnedFd(os.open("/dev/null", os.O_RDONLY))
        begun, decoder = b"", first
        for place in range(len(data)):
            if place == size:
                fds = [taken] if (taken := first.take_descriptor()) is not None else []
                assert first.begun == begun
                second.restore(first.agreed, first.begun, fds)
                decoder = second
            begun += data[place : place + 1]
            request = decoder.feed(data[place : place + 1], [device] if place == 0 else [])
        assert request is not None
        assert (request.command, request.origin) == (OUT, ORIGIN)
        request.device.close()
