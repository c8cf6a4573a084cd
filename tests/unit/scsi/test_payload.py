"""No reply to OUT has a payload, and none to IN more than the allocation length: over either QEMU ends the machine.

Whatever SG_IO answers, above all as the residual.
"""

import ctypes
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prhelper.host import libc
from prhelper.protocol import encode_response
from prhelper.scsi import sg_io
from prhelper.scsi.outcome import outcome_of_errno, outcome_of_result
from prhelper.scsi.reservation import MAX_DATA, MAX_LENGTH
from prhelper.scsi.sg_io import read_command, write_command
from prhelper.scsi.status import HostStatus

from ...support.spc import reserve_in, reserve_out

ANSWER = struct.Struct("=BBBBHHi")
"""What the kernel writes: status, masked_status, msg_status, sb_len_wr, host_status, driver_status, resid."""

Answer = tuple[int, int, int, int, int]
"""Status, length of the sense, host status, driver status, residual."""

bytes_of_status = st.sampled_from([0, 0, 0, 2, 8, 0x18]) | st.integers(0, 255)
host_statuses = st.sampled_from([0, 0, 0, *HostStatus]) | st.integers(0, 2**16 - 1)
residuals = st.integers(-(2**31), 2**31 - 1) | st.integers(-MAX_DATA - 1, MAX_DATA + 1)
answers = st.tuples(bytes_of_status, st.integers(0, 96), host_statuses, st.integers(0, 2**16 - 1), residuals)
lengths = st.sampled_from([0, 1, 8, 24, MAX_DATA]) | st.integers(0, MAX_DATA)

Say = Callable[[Answer], None]


@pytest.fixture(scope="module")
def device() -> Iterator[Say]:
    """Says what SG_IO answers from now on."""
    said: list[Answer] = []

    def ioctl(_fd: int, _request: int, address: int) -> None:
        header = (ctypes.c_char * sg_io.HEADER_SIZE).from_address(address)
        status, sense_length, host_status, driver_status, resid = said[-1]
        ANSWER.pack_into(header, sg_io._READ_SIZE, status, 0, 0, sense_length, host_status, driver_status, resid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libc, "ioctl", ioctl)
        yield said.append


def payload(response: bytes) -> bytes:
    """Of a response; its size field must be that of what follows."""
    assert int.from_bytes(response[4:8]) == len(response[104:])
    return response[104:]


@settings(deadline=None)
@given(answers, lengths)
def test_a_reply_to_out_never_has_a_payload(device: Say, answer: Answer, length: int) -> None:
    device(answer)
    result = write_command(-1, reserve_out(0, length=length), bytes(length), 1)
    assert payload(encode_response(outcome_of_result(result))) == b""


@settings(deadline=None)
@given(answers, lengths)
def test_a_reply_to_in_has_no_more_than_the_allocation_length_and_nothing_if_not_good(
    device: Say, answer: Answer, length: int
) -> None:
    device(answer)
    response = encode_response(outcome_of_result(read_command(-1, reserve_in(0, length), length, 1)))
    assert len(payload(response)) <= (length if response[3] == 0 else 0)


@pytest.mark.parametrize("length", [24, MAX_DATA, MAX_LENGTH])
def test_the_whole_allocation_length_does_come_back_if_the_device_fills_it(device: Say, length: int) -> None:
    device((0, 0, 0, 0, 0))
    result = read_command(-1, reserve_in(0, length), length, 1)
    assert len(payload(encode_response(outcome_of_result(result)))) == length


def test_a_command_that_the_kernel_refuses_has_no_payload() -> None:
    for number in range(200):
        assert payload(encode_response(outcome_of_errno(number))) == b""
