"""Devices, and descriptors, that stall at random, while sessions change threads and leaders thousands of times: every
request is answered exactly once, in order, with its own data, and nothing is left behind."""

import os
import random
import struct
import threading
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import Helper, for_any_interpreter
from ...support.programs import compile_library
from ...support.spc import PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT
from .interpreters import VERSIONS, find_interpreter

CLIENTS = 24
REQUESTS = 1000
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
EVENTS = ("prh_leader_appointed", "prh_burst_begin")
LEAST_CHANGES = 1000
"""Of the thread that leads, or that a session is on, in all: below that the test would prove little."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(Path(__file__).with_name("stalling_sg.c"), tmp_path_factory.mktemp("library"))


class Caller(threading.Thread):
    """A client that sends up to four requests at a time, and checks every answer. `fault` is what went wrong."""

    def __init__(self, number: int, helper: Helper, devices: list[int], seed: int) -> None:
        super().__init__()
        self.fault: BaseException | None = None
        self._number = number
        self._helper = helper
        self._devices = devices
        self._chance = random.Random(seed * CLIENTS + number)

    def run(self) -> None:
        try:
            with Client(self._helper.socket, timeout=60.0) as client:
                left = REQUESTS
                while left:
                    several = range(left - min(left, self._chance.choice((1, 1, 1, 4))), left)
                    expected = [self._send(client, request) for request in several]
                    for payload in expected:
                        reply = client.reply()
                        assert (reply.status, reply.payload) == (0, payload)
                    left -= len(several)
        except BaseException as error:
            self.fault = error

    def _send(self, client: Client, request: int) -> bytes:
        device = self._chance.choice(self._devices)
        length = self._chance.choice((8, 24, 1000, 8192))
        tag = struct.pack(">BHH", 0, self._number, request)
        data = bytes((byte + os.minor(os.fstat(device).st_rdev)) % 256 for byte in tag) * (length // len(tag) + 1)
        if self._chance.random() < 0.5:
            client.send(struct.pack(">BB5sH7x", PERSISTENT_RESERVE_IN, 0, tag, length), [device])
            return data[:length]
        client.send(struct.pack(">BB5sH7x", PERSISTENT_RESERVE_OUT, 0, tag, length), [device])
        client.send(data[:length])
        return b""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_request_is_answered_once_in_order_with_its_own_data(version: str, library: Path, tmp_path: Path) -> None:
    seed = random.randrange(1 << 16)
    print(f"seed {seed}")
    command = [find_interpreter(version), "-m", "prhelper"]
    options = [word for event in EVENTS for word in ("-T", event)]
    env = {**for_any_interpreter(), "LD_PRELOAD": str(library), "STALL_SEED": str(seed)}
    devices = [os.open(device, os.O_RDWR) for device in DEVICES]
    with Helper(tmp_path, command, options, env) as helper:
        rest = helper.rest()
        callers = [Caller(number, helper, devices, seed) for number in range(CLIENTS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [caller.fault for caller in callers] == [None] * CLIENTS
        helper.wait_for_rest(rest)
        helper.wait_for_idle_threads(rest)
        log = helper.output()
    for device in devices:
        os.close(device)
    changes = {event: log.count(event) for event in EVENTS}
    assert min(changes.values()) > CLIENTS
    assert sum(changes.values()) > LEAST_CHANGES
