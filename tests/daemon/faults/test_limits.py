"""One client too many, in all, of one account or of one process.

It is hung up on at once, the log says why, and the rest go on.
"""

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from .bench import Bench
from .conftest import Start

ACCOUNT = ("--max-clients", "6")
PER_PROCESS = ("--max-clients-per-process", "3")

CONNECT = """\
import socket, sys
greeting = b""
while not greeting:  # turned away while a client that has left is not forgotten yet
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    greeting = client.recv(4)
print("connected", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process_connected(path: Path) -> Iterator[None]:
    """A process that has a connection meanwhile."""
    command = [sys.executable, "-I", "-c", CONNECT, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"connected\n"
            yield
        finally:
            process.communicate()


def turned_away(bench: Bench) -> bool:
    with bench.connect(negotiate=False) as client:
        return client.receive_all() == b""


@pytest.mark.parametrize("limit", [ACCOUNT, PER_PROCESS], ids=["account", "per_process"])
def test_one_client_too_many_is_hung_up_on_and_the_log_names_the_option(start: Start, limit: tuple[str, str]) -> None:
    bench = start(*limit)
    clients = [bench.connect_when_there_is_room() for _ in range(3)]
    assert turned_away(bench)
    bench.helper.wait_for_log(limit[0])
    for client in clients:
        bench.check_served(client)
        client.close()


@pytest.mark.parametrize("limit", [ACCOUNT, PER_PROCESS], ids=["account", "per_process"])
def test_who_leaves_makes_room(start: Start, limit: tuple[str, str]) -> None:
    bench = start(*limit)
    for _ in range(5):
        clients: list[Client] = [bench.connect_when_there_is_room() for _ in range(3)]
        assert turned_away(bench)
        for client in clients:
            client.close()


def test_one_process_cannot_take_the_room_of_another(start: Start) -> None:
    bench = start("--max-clients-per-process", "1")
    with bench.connect_when_there_is_room() as mine, another_process_connected(bench.helper.socket):
        assert turned_away(bench)
        bench.check_served(mine)


def test_the_limit_in_all_counts_every_process(start: Start) -> None:
    bench = start("--max-clients", "1")
    with another_process_connected(bench.helper.socket):
        assert turned_away(bench)
    bench.connect_when_there_is_room().close()


def test_a_connection_whose_process_has_ended_is_turned_away(start: Start) -> None:
    """Its cgroup is gone: it would be counted by user, and who keeps it have twice its share."""
    bench = start("-v")
    with socket.socket(socket.AF_UNIX) as kept:
        bench.helper.process.send_signal(signal.SIGSTOP)  # it shall look when the process has ended
        program = "import socket, sys; socket.socket(fileno=int(sys.argv[1])).connect(sys.argv[2])"
        command = [sys.executable, "-I", "-c", program, str(kept.fileno()), str(bench.helper.socket)]
        subprocess.run(command, pass_fds=[kept.fileno()], check=True)
        bench.helper.process.send_signal(signal.SIGCONT)
        kept.settimeout(20.0)
        assert kept.recv(4) == b""
    bench.helper.wait_for_log("has ended")


def test_many_refusals_are_a_line_and_a_sum_in_the_log(start: Start) -> None:
    bench = start("--max-clients-per-process", "1")
    with bench.connect_when_there_is_room():
        for _ in range(200):
            assert turned_away(bench)
    assert bench.helper.stop() == 0
    assert bench.helper.output().count("turned away") == 2
    withheld = re.search(r"(\d+) more like this", bench.helper.output())
    assert withheld is not None
    assert int(withheld[1]) >= 199
