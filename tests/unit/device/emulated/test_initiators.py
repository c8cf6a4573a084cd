"""Who is the same initiator as whom, under each rule."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.device.emulated import initiators
from prhelper.device.emulated.initiators import RULES, nexus_of
from prhelper.host.peer import Peer

UNSEEN = Peer(0, 107, "")

SAME = {
    #             (same process, other connection), (other process, same user), (other user)
    "process": (True, False, False),
    "connection": (False, False, False),
    "uid": (True, True, False),
    "host": (True, True, True),
}


@pytest.fixture
def other() -> Iterator[int]:
    """The pid of another process."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


@pytest.mark.parametrize("rule", SAME)
def test_rule_tells_who_is_the_same_initiator(rule: str, other: int) -> None:
    ours = nexus_of(rule, Peer(os.getpid(), 107, "qemu"), 1)
    again = nexus_of(rule, Peer(os.getpid(), 107, "renamed"), 2)
    neighbour = nexus_of(rule, Peer(other, 107, "qemu"), 3)
    stranger = nexus_of(rule, Peer(other, 108, "qemu"), 4)
    assert (ours == again, ours == neighbour, ours == stranger) == SAME[rule]


def test_every_rule_is_tried() -> None:
    assert list(SAME) == list(RULES)


@pytest.mark.parametrize("rule", ["process", "uid", "host"])
def test_initiator_is_the_same_after_a_restart(rule: str) -> None:
    code = (
        "import sys; from prhelper.device.emulated.initiators import nexus_of; from prhelper.host.peer import Peer; "
        "print(nexus_of(sys.argv[1], Peer(int(sys.argv[2]), 107, ''), 1))"
    )
    command = [sys.executable, "-c", code, rule, str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(nexus_of(rule, Peer(os.getpid(), 107, ""), 9))


def test_connections_of_two_runs_are_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = nexus_of("connection", UNSEEN, 1)
    monkeypatch.setattr(initiators, "_run", "another")
    assert nexus_of("connection", UNSEEN, 1) != before


def test_pid_that_is_given_out_again_is_another_initiator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(initiators, "_PROC", tmp_path)
    (tmp_path / "77").mkdir()
    for started in (1000, 2000):
        (tmp_path / "77/stat").write_text(f"77 (a) b) (c) S {'0 ' * 18}{started} 0 0\n")
        seen.append(nexus_of("process", Peer(77, 0, ""), 1))
    assert [nexus.name.split()[3] for nexus in seen] == ["1000", "2000"]
    assert seen[0] != seen[1]


@pytest.mark.parametrize("peer", [UNSEEN, Peer(4_000_000, 107, "gone")], ids=["other pid namespace", "gone"])
def test_process_that_cannot_be_seen_is_an_initiator_for_each_connection_and_that_is_logged(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    assert nexus_of("process", peer, 1) != nexus_of("process", peer, 2)
    assert nexus_of("process", peer, 1) == nexus_of("connection", peer, 1)
    assert "--emulate-nexus=process" in caplog.text
