"""Clients that mean harm: descriptors that block when they are closed, too many of them, requests without end."""

import contextlib
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..support.client import HungUpError, reserve_in
from ..support.helper import wait_until
from .conftest import Start

LINGER = 30
"""Seconds that close(2) waits for the unsent data of such a socket: longer than any test."""


@contextmanager
def socket_that_blocks_when_closed() -> Iterator[socket.socket]:
    """A TCP socket with SO_LINGER and data that nobody reads; what blocks in its close ends with the context."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as ours:
        ours.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER))
            ours.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while ours.send(bytes(1 << 16)):
                    pass
            ours.setblocking(True)
            yield ours


def test_descriptor_that_blocks_in_close_delays_nobody_when_its_client_is_turned_away(start: Start) -> None:
    bench = start("--max-clients", "2")
    with socket_that_blocks_when_closed() as blocking, bench.connect_when_there_is_room() as one:
        with bench.connect_when_there_is_room() as two:
            bench.check_served(two)
            bench.helper.process.send_signal(signal.SIGSTOP)  # it shall find the descriptor when it looks
            with bench.connect(negotiate=False) as refused:
                refused.send(b"\0", [blocking.fileno()])
                blocking.close()
            bench.helper.process.send_signal(signal.SIGCONT)
            bench.check_served(one)
            wait_until(lambda: "turned away" in bench.helper.output(), what="the refusal")
        began = time.monotonic()
        with bench.connect_when_there_is_room() as three:
            bench.check_served(three)
        assert time.monotonic() - began < LINGER / 2


def test_descriptor_that_blocks_in_close_delays_nobody_when_it_came_with_a_command(start: Start) -> None:
    bench = start()
    with socket_that_blocks_when_closed() as blocking, bench.connect() as client, bench.connect() as other:
        client.send(reserve_in(0), [blocking.fileno()])
        blocking.close()
        began = time.monotonic()
        for _ in range(20):
            bench.check_served(other)
        assert time.monotonic() - began < LINGER / 2


def test_client_with_more_descriptors_than_one_is_hung_up_on_at_once(start: Start) -> None:
    bench = start()
    with bench.connect() as client:
        client.send(reserve_in(0)[:1], [bench.healthy] * 16)
        assert client.hung_up()
    wait_until(lambda: "sent 16 descriptors with a CDB instead of one" in bench.helper.output(), what="the violation")


def test_client_that_sends_requests_without_end_does_not_delay_the_stop(start: Start) -> None:
    bench = start()
    with bench.connect() as client:
        for _ in range(50):
            client.send(reserve_in(0, 64), [bench.healthy])
        for _ in range(10):
            client.reply()
        bench.helper.process.terminate()
        with contextlib.suppress(HungUpError, BrokenPipeError, ConnectionResetError):
            while client.reply():
                client.send(reserve_in(0, 64), [bench.healthy])
    assert bench.helper.process.wait(20) == 0


def test_command_name_cannot_pretend_to_be_more_than_a_name(start: Start) -> None:
    bench = start()
    program = (
        "import ctypes, socket, sys; ctypes.CDLL(None).prctl(15, sys.argv[2].encode(), 0, 0, 0);"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(bytes(4)); s.send(bytes(16)); s.recv(5)"
    )
    subprocess.run([sys.executable, "-c", program, str(bench.helper.socket), 'x" uid 0\nfake'], check=False)
    wait_until(lambda: "without a descriptor" in bench.helper.output(), what="the violation")
    line = next(line for line in bench.helper.output().splitlines() if "without a descriptor" in line)
    assert '"x? uid 0?fake" sent a CDB' in line
