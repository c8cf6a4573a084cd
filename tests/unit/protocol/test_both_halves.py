"""The two halves against each other, and what they need to be imported."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

import prhelper
from prhelper.channel import OwnedFd
from prhelper.protocol import (
    ON_BEHALF,
    Origin,
    Report,
    RequestDecoder,
    ResponseDecoder,
    encode_features,
    encode_request,
    encode_response,
)
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command

from ...support.spc import reserve_in, reserve_out

commands = st.builds(lambda action, length: Command(reserve_in(action, length)), st.integers(0, 31), st.integers(0, 64))
commands |= st.builds(
    lambda action, data: Command(reserve_out(action, length=len(data)), data),
    st.integers(0, 31),
    st.binary(max_size=64),
)
senses = st.binary(min_size=96, max_size=96)
printable = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
texts = st.lists(printable, max_size=3).map(tuple)
numbers = st.integers(0, 2**64 - 1)
origins = st.builds(Origin, numbers, numbers, numbers, printable, printable)
reports = st.builds(
    Report, printable, printable, texts, texts, texts, st.none() | printable, st.none() | st.integers(0, 200)
)


class Exchange(NamedTuple):
    """A command, and an answer that it may have, with what goes along when the feature ON_BEHALF is agreed on."""

    command: Command
    outcome: Outcome
    origin: Origin
    report: Report


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    command, status = draw(commands), draw(st.sampled_from([0, 0, 0x02, 0x18]))
    room = 0 if command.is_out or status else command.length
    outcome = Outcome(status, draw(senses), draw(st.binary(max_size=room)))
    return Exchange(command, outcome, draw(origins), draw(reports))


@settings(deadline=None)
@given(st.lists(exchanges(), max_size=4), st.integers(1, 200), st.sampled_from([0, ON_BEHALF]))
def test_each_half_reads_what_the_other_writes(exchanges: list[Exchange], most: int, features: int) -> None:
    with closing(RequestDecoder(features)) as helper:
        client = ResponseDecoder(features)
        for decoder in (helper, client):
            assert decoder.feed(encode_features(features)) is None
            assert decoder.agreed == features
        for sent in exchanges:
            origin, report = (sent.origin, sent.report) if features else (None, None)
            client.expect(sent.command)
            fds = [OwnedFd(os.open("/dev/null", os.O_RDONLY))]
            request, data = None, encode_request(sent.command, origin)
            while request is None:
                size = min(most, helper.needed)
                request = helper.feed(data[:size], fds)
                data, fds = data[size:], []
            request.device.close()
            assert (request.command, request.origin, data) == (sent.command, origin, b"")

            response, data = None, encode_response(sent.outcome, report)
            while response is None:
                size = min(most, client.needed)
                response, data = client.feed(data[:size]), data[size:]
            assert (response, data) == ((sent.outcome, report), b"")


def test_the_wire_format_is_imported_without_ctypes_ssl_or_an_event_loop() -> None:
    root = Path(prhelper.__file__).parents[1]
    script = "import sys, prhelper.protocol; print(*{'ctypes', 'ssl', 'asyncio'}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []
