"""sg_persist of sg3_utils, as it is, manages an emulated unit: a preloaded library carries its SG_IO to the helper."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.programs import compile_library, require_program
from .conftest import Start

GOOD, ILLEGAL_REQUEST, UNIT_ATTENTION, CONFLICT = 0, 5, 6, 24
"""Exit statuses of sg3_utils."""

THIRD = "naa.3000000000000abc"


class SgPersist:
    """One initiator's sg_persist: each run uses the same connection to the helper."""

    def __init__(self, library: Path, socket: Path, disk: Path, stack: ExitStack) -> None:
        self._program = require_program("sg_persist", "sg3-utils")
        self._client = stack.enter_context(Client(socket))
        self._disk = disk
        self._env = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "HELPER_CONNECTION": str(self._client.socket.fileno()),
        }
        self.output = ""

    def __call__(self, *options: str) -> int:
        self._client.socket.setblocking(True)
        done = subprocess.run(
            [self._program, *options, str(self._disk)],
            env=self._env,
            pass_fds=[self._client.socket.fileno()],
            capture_output=True,
            text=True,
            timeout=20,
        )
        self.output = done.stdout + done.stderr
        print(done.args, done.returncode, self.output)
        return done.returncode

    def out(self, action: str, *options: str) -> int:
        return self("--out", f"--{action}", *options)

    def read(self, action: str) -> str:
        """Run with --in: what it prints, in one line."""
        assert self("--in", f"--{action}") == GOOD
        return " ".join(self.output.split())


@pytest.fixture
def nodes(start: Start, disk: Path, tmp_path: Path, stack: ExitStack) -> tuple[SgPersist, SgPersist]:
    helper = start("--emulate-nexus=connection")
    library = compile_library(Path(__file__).with_name("sg_redirect.c"), tmp_path)
    return SgPersist(library, helper.socket, disk, stack), SgPersist(library, helper.socket, disk, stack)


Nodes = tuple[SgPersist, SgPersist]


def test_failover_of_two_nodes(nodes: Nodes) -> None:
    a, b = nodes
    assert a.out("register", "--param-sark=a1") == GOOD
    assert a.out("reserve", "--param-rk=a1", "--prout-type=5") == GOOD
    assert b.out("register", "--param-sark=b2") == GOOD
    assert b.out("reserve", "--param-rk=b2", "--prout-type=5") == CONFLICT
    assert "2 registered reservation keys follow: 0xa1 0xb2" in b.read("read-keys")
    assert "Key=0xa1 scope: LU_SCOPE, type: Write Exclusive, registrants only" in b.read("read-reservation")

    assert b.out("preempt", "--param-rk=b2", "--param-sark=a1", "--prout-type=5") == GOOD
    assert a.out("reserve", "--param-rk=a1", "--prout-type=5") == UNIT_ATTENTION
    assert a.out("reserve", "--param-rk=a1", "--prout-type=5") == CONFLICT
    assert "Key=0xb2" in a.read("read-reservation")


def test_release_and_clear(nodes: Nodes) -> None:
    a, b = nodes
    assert a.out("register", "--param-sark=a1") == GOOD
    assert a.out("reserve", "--param-rk=a1", "--prout-type=1") == GOOD
    assert a.out("release", "--param-rk=a1", "--prout-type=3") == ILLEGAL_REQUEST
    assert a.out("release", "--param-rk=a1", "--prout-type=1") == GOOD
    assert "there is NO reservation held" in b.read("read-reservation")
    assert a.out("clear", "--param-rk=a1") == GOOD
    assert "there are NO registered reservation keys" in b.read("read-keys")


def test_capabilities_are_those_of_the_emulated_unit(nodes: Nodes) -> None:
    text = nodes[0].read("report-capabilities")
    for capability in (
        "Compatible Reservation Handling(CRH): 1",
        "Specify Initiator Ports Capable(SIP_C): 1",
        "All Target Ports Capable(ATP_C): 1",
        "Persist Through Power Loss Capable(PTPL_C): 1",
        "Type Mask Valid(TMV): 1",
        "Write Exclusive, all registrants: 1",
        "Exclusive Access, registrants only: 1",
    ):
        assert capability in text


def test_full_status_names_initiators_registered_by_others(nodes: Nodes) -> None:
    a, b = nodes
    assert a.out("register", "--param-sark=a1", f"--transport-id=sas,{THIRD[4:]}", "--param-aptpl") == GOOD
    text = b.read("read-full-status")
    assert text.count("Key=0xa1") == 2
    assert "SAS address: 0x3000000000000abc" in text


def test_reservation_moves_to_the_initiator_named(nodes: Nodes) -> None:
    a, b = nodes
    assert a.out("register", "--param-sark=a1") == GOOD
    assert a.out("reserve", "--param-rk=a1", "--prout-type=1") == GOOD
    move = ("--param-rk=a1", "--param-sark=c3", f"--transport-id=sas,{THIRD[4:]}", "--relative-target-port=1")
    assert a.out("register-move", *move) == GOOD
    assert "Key=0xc3" in b.read("read-reservation")
