"""Emulated units from outside: who shares one, who is which initiator, and what the log says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import OURS, Helper
from ...support.programs import missing, unshare
from ...support.spc import CHECK_CONDITION, CONFLICT, EXCLUSIVE_ACCESS, GOOD, REGISTRATIONS_PREEMPTED, Out, sense_code
from .conftest import Connect, Start
from .node import Node

ENOUGH = 500
"""So many files are made until one has an inode number that was given back."""


@pytest.fixture
def helper(start: Start) -> Helper:
    return start("--emulate-nexus=connection")


def test_second_node_is_refused_until_it_preempts_and_the_first_learns_of_it(helper: Helper, connect: Connect) -> None:
    first, second = connect(helper), connect(helper)
    assert (first.register(0xA), first.reserve(0xA)) == (GOOD, GOOD)
    assert (second.register(0xB), second.reserve(0xB)) == (GOOD, CONFLICT)
    assert second.holder() == 0xA

    assert second.preempt(0xB, 0xA) == GOOD
    assert (second.keys(), second.holder()) == ([0xB], 0xB)

    woken = first.write(Out.RESERVE, 0xA, kind=EXCLUSIVE_ACCESS)
    assert (woken.status, sense_code(woken.sense)) == (CHECK_CONDITION, REGISTRATIONS_PREEMPTED)
    assert first.reserve(0xA) == CONFLICT


def test_unit_is_the_file_whatever_its_name_and_however_opened(helper: Helper, connect: Connect, disk: Path) -> None:
    linked = disk.with_name("linked.img")
    linked.hardlink_to(disk)
    assert connect(helper).register(0xA) == GOOD
    assert connect(helper, linked).keys() == [0xA]
    disk.rename(disk.with_name("moved.img"))
    assert connect(helper, linked, os.O_RDONLY).keys() == [0xA]


def test_every_file_is_a_unit_of_its_own(helper: Helper, connect: Connect, tmp_path: Path) -> None:
    other = tmp_path / "other.img"
    other.write_bytes(b"")
    assert connect(helper).register(0xA) == GOOD
    assert connect(helper, other).keys() == []
    assert connect(helper, Path("/dev/null")).register(0xC) == GOOD
    assert connect(helper, Path("/dev/zero")).keys() == []


def test_image_made_anew_under_its_old_inode_number_has_no_reservations(
    start: Start, connect: Connect, disk: Path
) -> None:
    helper = start("--emulate-nexus=host")
    registered: set[int] = set()
    with Client(helper.socket) as client:
        while disk.stat().st_ino not in registered:
            if len(registered) == ENOUGH:
                pytest.skip("this file system does not give inode numbers out again")
            registered.add(disk.stat().st_ino)
            with disk.open("r+b") as image:
                assert Node(client, image.fileno()).register(0xA, aptpl=True) == GOOD
            disk.unlink()
            disk.write_bytes(bytes(4096))
    assert connect(helper).keys() == []
    helper.kill()
    assert connect(start("--emulate-nexus=host")).keys() == []


SAME_INITIATOR = {
    #              (connects again, another process)
    "process": (True, False),
    "connection": (False, False),
    "uid": (True, True),
    "host": (True, True),
}

RESERVE_AS_ANOTHER_PROCESS = """\
import os, sys
from tests.daemon.emulate.node import Node
from tests.support.client import Client
print(Node(Client(sys.argv[1]), os.open(sys.argv[2], os.O_RDWR)).reserve(0xA))
"""


@pytest.mark.parametrize("rule", SAME_INITIATOR)
def test_rule_says_who_is_the_initiator_that_registered(start: Start, connect: Connect, disk: Path, rule: str) -> None:
    helper = start(f"--emulate-nexus={rule}")
    assert connect(helper).register(0xA) == GOOD
    again = connect(helper).reserve(0xA)
    command = [sys.executable, "-c", RESERVE_AS_ANOTHER_PROCESS, str(helper.socket), str(disk)]
    other = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert (again == GOOD, int(other.stdout) == GOOD) == SAME_INITIATOR[rule]


def test_process_that_cannot_be_seen_is_an_initiator_for_each_connection_and_the_log_says_so(
    tmp_path: Path, connect: Connect, state_directory: Path
) -> None:
    within = unshare("--pid", "--fork", "--kill-child", "--mount-proc")
    if subprocess.run([*within, "true"], capture_output=True).returncode != 0:
        missing("needs a pid namespace: a machine that lets users have namespaces, or root")
    options = ["--emulate", f"--state-directory={state_directory}"]
    with Helper(tmp_path, (*within, *OURS), options) as helper:
        first, second = connect(helper), connect(helper)
        assert (first.register(0xA), first.reserve(0xA)) == (GOOD, GOOD)
        assert (second.register(0xB), second.reserve(0xB)) == (GOOD, CONFLICT)
        helper.wait_for_log("cannot be seen in /proc: for --emulate-nexus=process this connection is an initiator")


def test_process_is_the_initiator_by_default(start: Start, connect: Connect) -> None:
    helper = start()
    assert connect(helper).register(0xA) == GOOD
    assert connect(helper).reserve(0xA) == GOOD


def test_log_says_loudly_that_no_data_is_fenced_and_marks_what_is_emulated(helper: Helper, connect: Connect) -> None:
    helper.wait_for_log("FENCE NO DATA")
    connect(helper).register(0xA)
    helper.wait_for_log("no device but a regular file, emulated: PERSISTENT RESERVE OUT REGISTER")


def test_many_nodes_at_once_leave_one_holder(helper: Helper, connect: Connect) -> None:
    nodes = [connect(helper) for _ in range(20)]
    for number, node in enumerate(nodes, 1):
        node.begin(Out.REGISTER, new=number)
    assert [node.client.reply().status for node in nodes] == [GOOD] * len(nodes)
    for number, node in enumerate(nodes, 1):
        node.begin(Out.RESERVE, key=number, kind=EXCLUSIVE_ACCESS)
    statuses = [node.client.reply().status for node in nodes]
    assert sorted(statuses) == [GOOD] + [CONFLICT] * (len(nodes) - 1)
    assert nodes[0].holder() == statuses.index(GOOD) + 1
