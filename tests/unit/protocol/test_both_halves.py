"""The two halves against each other, and what they need to be imported."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import prhelper
from prhelper.channel import OwnedFd
from prhelper.protocol import RequestDecoder, ResponseDecoder, encode_features, encode_request, encode_response
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


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Command, Outcome]:
    """A command, and an answer that it may have."""
    command, status = draw(commands), draw(st.sampled_from([0, 0, 0x02, 0x18]))
    room = 0 if command.is_out or status else command.length
    return command, Outcome(status, draw(senses), draw(st.binary(max_size=room)))


@settings(deadline=None)
@given(st.lists(exchanges(), max_size=4), st.integers(1, 200))
def test_each_half_reads_what_the_other_writes(exchanges: list[tuple[Command, Outcome]], most: int) -> None:
    with closing(RequestDecoder()) as helper:
        client = ResponseDecoder()
        for decoder in (helper, client):
            assert decoder.feed(encode_features()) is None
        for sent, answered in exchanges:
            client.expect(sent)
            fds = [OwnedFd(os.open("/dev/null", os.O_RDONLY))]
            request, data = None, encode_request(sent)
            while request is None:
                size = min(most, helper.needed)
                request = helper.feed(data[:size], fds)
                data, fds = data[size:], []
            request.device.close()
            assert (request.command, data) == (sent, b"")

            outcome, data = None, encode_response(answered)
            while outcome is None:
                size = min(most, client.needed)
                outcome, data = client.feed(data[:size]), data[size:]
            assert (outcome, data) == (answered, b"")


def test_the_wire_format_is_imported_without_ctypes_ssl_or_an_event_loop() -> None:
    root = Path(prhelper.__file__).parents[1]
    script = "import sys, prhelper.protocol; print(*{'ctypes', 'ssl', 'asyncio'}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []
