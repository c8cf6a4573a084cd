"""A command that changes what outlives a power loss is answered when that is on the disk, and holds up nobody else."""

import select
from dataclasses import dataclass
from pathlib import Path

import pytest

from ...support.helper import Helper
from ...support.programs import compile_library
from ...support.spc import APTPL, CHECK_CONDITION, GOOD, INTERNAL_TARGET_FAILURE, Out, sense_code
from .conftest import Connect, Start
from .node import Node

LONG_ENOUGH = 0.3
"""Seconds in which an answer would come that did not wait for the disk."""


@dataclass(frozen=True)
class Sync:
    """A helper, and two files that say how its way to the disk is: while they are there, held up or broken."""

    helper: Helper
    held: Path
    broken: Path


@pytest.fixture
def sync(start: Start, tmp_path: Path) -> Sync:
    library = compile_library(Path(__file__).with_name("sync.c"), tmp_path)
    held, broken = tmp_path / "held", tmp_path / "broken"
    env = {"LD_PRELOAD": str(library), "HELD_SYNC": str(held), "BROKEN_SYNC": str(broken)}
    return Sync(start("--emulate-nexus=connection", env=env), held, broken)


def is_answered(node: Node, timeout: float = 0.0) -> bool:
    return bool(select.select([node.client.socket], [], [], timeout)[0])


def test_answer_waits_for_the_disk_and_clients_of_other_disks_do_not(
    sync: Sync, connect: Connect, tmp_path: Path
) -> None:
    other = tmp_path / "other.img"
    other.write_bytes(b"")
    writer, reader, stranger = connect(sync.helper), connect(sync.helper), connect(sync.helper, other)
    assert writer.register(0xA, aptpl=True) == GOOD

    sync.held.touch()
    writer.begin(Out.REGISTER, key=0xA, new=0xB, flags=APTPL)
    assert not is_answered(writer, LONG_ENOUGH)
    for key in range(100):
        assert stranger.register(key + 1, key=key) == GOOD
        assert stranger.keys() == [key + 1]
    reader.begin_read(0)
    assert not is_answered(reader, LONG_ENOUGH)  # what it would see could still be lost
    assert not is_answered(writer)

    sync.held.unlink()
    assert writer.client.reply().status == GOOD
    assert reader.client.reply().payload[8:] == (0xB).to_bytes(8, "big")


def test_killed_while_it_waits_for_the_disk_it_comes_back_before_or_after_the_command(
    sync: Sync, start: Start, connect: Connect
) -> None:
    node = connect(sync.helper)
    assert node.register(0xA, aptpl=True) == GOOD
    sync.held.touch()
    node.begin(Out.REGISTER, key=0xA, new=0xB, flags=APTPL)
    assert not is_answered(node, LONG_ENOUGH)
    sync.helper.kill()
    assert connect(start()).keys() in ([0xA], [0xB])


def test_command_that_cannot_be_stored_is_not_carried_out_and_the_log_says_why(sync: Sync, connect: Connect) -> None:
    node = connect(sync.helper)
    assert node.register(0xA, aptpl=True) == GOOD
    sync.broken.touch()
    reply = node.write(Out.REGISTER, key=0xA, new=0xB, flags=APTPL)
    assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INTERNAL_TARGET_FAILURE)
    assert node.keys() == [0xA]
    sync.helper.wait_for_log("not carried out, for it could not be stored")

    sync.broken.unlink()
    assert node.register(0xC, key=0xA, aptpl=True) == GOOD
