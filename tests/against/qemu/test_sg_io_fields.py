"""What reaches the device: the fields of SG_IO, the CDB and the parameter list, from both helpers.

One field differs on purpose: the timeout, see test_betterments.py.
"""

import dataclasses
import os
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import (
    HEALTHY,
    MOST_DATA,
    SG_DXFER_FROM_DEV,
    SG_DXFER_NONE,
    SG_DXFER_TO_DEV,
    Answer,
    FakeDevice,
    Sent,
)
from ...support.helper import Helper
from ...support.spc import keys, reserve_in, reserve_out
from .pair import Pair, opened

PARAMETER_LIST = (keys(0x1122334455667788, 0x99AABBCCDDEEFF00, 1) + bytes(range(256)) * 32)[:MOST_DATA]

COMMANDS = {
    "IN, allocation length 0": (reserve_in(0, 0), b""),
    "IN, allocation length 8": (reserve_in(1, 8), b""),
    "IN, allocation length 8192": (reserve_in(3, MOST_DATA), b""),
    "OUT, 1 byte": (reserve_out(0, length=1), PARAMETER_LIST[:1]),
    "OUT, 24 bytes": (reserve_out(4, 0x18), PARAMETER_LIST[:24]),
    "OUT, 8192 bytes": (reserve_out(6, length=MOST_DATA), PARAMETER_LIST),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_both_send_the_same_to_the_device_but_for_the_timeout(pair: Pair, name: str) -> None:
    cdb, parameter_list = COMMANDS[name]
    pair.set(Answer())
    before = pair.theirs.device.commands, pair.ours.device.commands
    with opened(HEALTHY, os.O_RDWR) as fd:
        pair.commands(fd, cdb, parameter_list)
    assert (pair.theirs.device.commands, pair.ours.device.commands) == (before[0] + 1, before[1] + 1)
    ours = pair.ours.device.last
    assert ours == dataclasses.replace(pair.theirs.device.last, timeout=ours.timeout)
    assert ours == Sent(
        interface_id=ord("S"),
        direction=SG_DXFER_TO_DEV if parameter_list else SG_DXFER_FROM_DEV,
        cmd_len=16,
        mx_sb_len=96,
        iovec_count=0,
        dxfer_len=len(parameter_list) if parameter_list else MOST_DATA,
        timeout=60_000,
        flags=0,
        cdb=cdb,
        parameter_list=parameter_list,
    )


def test_an_out_without_a_parameter_list_moves_nothing(pair: Pair) -> None:
    pair.set(Answer())
    with opened(HEALTHY, os.O_RDWR) as fd:
        pair.commands(fd, reserve_out(0, length=0))
    assert pair.ours.device.last.direction in (SG_DXFER_NONE, SG_DXFER_TO_DEV)
    assert pair.ours.device.last.dxfer_len == pair.theirs.device.last.dxfer_len == 0


def test_a_read_only_descriptor_keeps_an_out_from_the_device(pair: Pair) -> None:
    before = pair.theirs.device.commands, pair.ours.device.commands
    with opened(HEALTHY, os.O_RDONLY) as fd:
        pair.commands(fd, reserve_out(0), keys(1, 2))
    assert (pair.theirs.device.commands, pair.ours.device.commands) == before


@pytest.mark.parametrize(("option", "milliseconds"), [("0.25", 250), ("7", 7000), ("86400", 86_400_000)])
def test_the_timeout_sent_is_that_of_the_option(
    fake_device_library: Path, tmp_path: Path, option: str, milliseconds: int
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    with (
        Helper(tmp_path, options=["--timeout", option], env=device.env) as helper,
        opened(HEALTHY, os.O_RDWR) as fd,
        Client(helper.socket) as client,
    ):
        client.command(fd, reserve_in(0))
        assert device.last.timeout == milliseconds
