"""A command of which the kernel says EINTR: the device may have carried it out, so it is not sent again."""

import errno

import pytest

from ...support.fake_device import Answer
from ...support.spc import CHECK_CONDITION, keys, reserve_in, reserve_out
from .bench import Bench

COMMANDS = {"in": (reserve_in(0, 64), b""), "out": (reserve_out(0), keys(0, 1))}


@pytest.mark.parametrize(("cdb", "parameter_list"), COMMANDS.values(), ids=COMMANDS)
def test_an_interrupted_command_was_sent_once(bench: Bench, cdb: bytes, parameter_list: bytes) -> None:
    before = bench.device.commands
    bench.device.set(Answer(error=errno.EINTR))
    with bench.connect() as client:
        assert client.command(bench.healthy, cdb, parameter_list).status == CHECK_CONDITION
    assert bench.device.commands == before + 1
    bench.device.set(Answer())
