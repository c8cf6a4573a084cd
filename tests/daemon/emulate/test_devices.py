"""Which devices are emulated: those that say themselves that they have no reservations, and no other."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.fake_device import HEALTHY, PATTERN, Answer, FakeDevice
from ...support.helper import Helper
from ...support.spc import (
    CHECK_CONDITION,
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_CDB,
    INVALID_OPCODE,
    Out,
    fixed_sense,
    sense_code,
)
from .conftest import Connect, Start
from .node import Node

UNKNOWN_COMMAND = Answer(status=CHECK_CONDITION, sense=fixed_sense(INVALID_OPCODE))

MISSING = {
    "no such command": UNKNOWN_COMMAND,
    "no such command, in descriptor format": Answer(status=CHECK_CONDITION, sense=bytes.fromhex("72052000 00000000")),
    "no SCSI device": Answer(error=errno.ENOTTY),
}

PASSED_ON = {
    "no right to ask": Answer(error=errno.EPERM),
    "gone": Answer(error=errno.ENODEV),
    "no room for what was sent": Answer(error=errno.EINVAL),
    "invalid field": Answer(status=CHECK_CONDITION, sense=fixed_sense(INVALID_FIELD_IN_CDB)),
    "not ready": Answer(status=CHECK_CONDITION, sense=fixed_sense((2, 4, 1))),
    "unit attention": Answer(status=CHECK_CONDITION, sense=fixed_sense((6, 0x29, 0))),
    "conflict": Answer(status=CONFLICT),
    "conflict with the sense of no such command": Answer(status=CONFLICT, sense=fixed_sense(INVALID_OPCODE)),
    "timeout": Answer(host_status=3),
    "busy": Answer(status=8),
}


@pytest.fixture
def device(fake_device_library: Path, tmp_path: Path) -> FakeDevice:
    return FakeDevice(fake_device_library, tmp_path)


@pytest.fixture
def helper(start: Start, device: FakeDevice) -> Iterator[Helper]:
    with start(env=device.env) as helper:
        yield helper


@pytest.fixture
def node(helper: Helper, connect: Connect) -> Node:
    return connect(helper, Path(HEALTHY))


@pytest.mark.parametrize("answer", MISSING.values(), ids=MISSING.keys())
def test_device_without_reservations_is_emulated_and_asked_each_time(
    device: FakeDevice, node: Node, answer: Answer
) -> None:
    device.set(answer)
    assert node.keys() == []
    assert node.register(0xA) == GOOD
    assert node.keys() == [0xA]
    assert device.commands == 3


@pytest.mark.parametrize("answer", PASSED_ON.values(), ids=PASSED_ON.keys())
def test_any_other_trouble_is_passed_on_as_it_is(
    device: FakeDevice, node: Node, answer: Answer, fake_device_library: Path, tmp_path: Path
) -> None:
    device.set(answer)
    (tmp_path / "plain").mkdir()
    with Helper(tmp_path / "plain", env=device.env) as plain:
        plain_node = Node(type(node.client)(plain.socket), node.fd)
        expected = [plain_node.read(0), plain_node.write(Out.REGISTER, new=0xA)]
        plain_node.client.close()
    assert fake_device_library.exists()
    assert [node.read(0), node.write(Out.REGISTER, new=0xA)] == expected
    assert expected[0].status != GOOD


def test_device_with_reservations_answers_for_itself(device: FakeDevice, node: Node) -> None:
    assert node.read(0).payload == PATTERN
    assert device.commands == 1


def test_device_that_was_emulated_and_then_answers_is_real(device: FakeDevice, node: Node) -> None:
    device.set(UNKNOWN_COMMAND)
    assert node.register(0xA) == GOOD
    device.set(Answer())
    assert node.read(0).payload == PATTERN


@pytest.mark.parametrize("answer", MISSING.values(), ids=MISSING.keys())
def test_command_that_a_real_device_does_not_know_is_not_emulated(
    device: FakeDevice, node: Node, answer: Answer
) -> None:
    assert node.register(0xA) == GOOD
    device.set(answer)
    assert node.read(3).status == CHECK_CONDITION


def test_no_device_is_asked_where_all_are_emulated(start: Start, connect: Connect, device: FakeDevice) -> None:
    node = connect(start(emulate="--emulate=all", env=device.env), Path(HEALTHY))
    assert node.register(0xA) == GOOD
    assert node.keys() == [0xA]
    assert device.commands == 0


@pytest.mark.parametrize("emulate", ["--emulate", "--emulate=all"])
def test_disk_that_is_read_only_for_the_machine_cannot_be_reserved(
    start: Start, connect: Connect, emulate: str
) -> None:
    node = connect(start(emulate=emulate), flags=os.O_RDONLY)
    assert node.keys() == []
    reply = node.write(Out.REGISTER, new=0xA)
    assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)
    assert node.keys() == []


def test_without_the_option_nothing_is_emulated(tmp_path: Path, connect: Connect) -> None:
    with Helper(tmp_path) as helper:
        assert connect(helper).read(0).status == CHECK_CONDITION
        assert "emulate" not in helper.output()
