"""A worker that is restarted answers what it has begun, and then its connections go on, with the feature in use."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, FakeDevice, Held
from ...support.helper import wait_until
from ...support.spc import CHECK_CONDITION, INVALID_OPCODE, reserve_in, sense_code
from ..restart.starts import Starts
from ..restart.unit import Unit

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the worker must be root: run the tests as root too")

ORIGIN = b'{"number":7,"pid":1234,"uid":107,"name":"qemu","account":"a"}'
ON_BEHALF = bytes.fromhex("80000000")


class Bench:
    """A daemon's connection to a worker that runs as `runs` says, and devices of which one can be held up."""

    def __init__(self, device: FakeDevice, runs: Unit | Starts, state: Path, stack: ExitStack) -> None:
        self.device = device
        self.options = ("--multipath-worker", "--state-directory", str(state))
        runs.start(*self.options)
        self.client = stack.enter_context(Client(runs.path, negotiate=False))
        assert self.client.receive(4) == ON_BEHALF
        self.client.send(ON_BEHALF)

    def ask(self, path: str) -> None:
        """Send a command for a device, and do not wait for the answer."""
        with Path(path).open("r+b") as device:
            self.client.send(reserve_in(0), [device.fileno()])
        self.client.send(struct.pack(">I", len(ORIGIN)) + ORIGIN)

    def check_answered(self) -> None:
        """The answer is a worker's, with a report, to what is no map."""
        reply = self.client.reply()
        assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)
        (size,) = struct.unpack(">I", self.client.receive(4))
        assert json.loads(self.client.receive(size))

    def get_stuck(self) -> None:
        """Have a command in the worker that waits for its device."""
        self.device.hold(Held.FSTAT)
        self.ask(HANGING)
        wait_until(lambda: self.device.hanging == 1, what="the worker to have the command")


@pytest.fixture
def make(fake_device_library: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[Bench, Unit | Starts]]]:
    with ExitStack() as stack:
        device = FakeDevice(fake_device_library, tmp_path)

        def make(kind: type[Unit | Starts]) -> tuple[Bench, Unit | Starts]:
            runs = kind(tmp_path, device.env)
            stack.callback(runs.close)
            stack.callback(device.release)
            return Bench(device, runs, tmp_path / "state", stack), runs

        yield make


def test_from_start_to_start_of_its_unit(make: Callable[[type[Unit]], tuple[Bench, Unit]]) -> None:
    bench, unit = make(Unit)
    bench.get_stuck()
    unit.tell()
    unit.manager.wait_for("STOPPING=1")
    bench.device.release()
    bench.check_answered()
    unit.stop()
    unit.start(*bench.options)
    bench.ask(HEALTHY)
    bench.check_answered()


def test_by_another_start_that_takes_its_place(make: Callable[[type[Starts]], tuple[Bench, Starts]]) -> None:
    bench, starts = make(Starts)
    bench.get_stuck()
    starts.start(*bench.options)
    bench.device.release()
    bench.check_answered()
    assert starts.has_ended(0) == 0
    bench.ask(HEALTHY)
    bench.check_answered()
