"""Clients that mean harm: descriptors that block when they are closed, too many of them, requests without end."""

import contextlib
import signal
import subprocess
import sys
import time

from ...support.client import HungUpError
from ...support.helper import wait_until
from ...support.lingering import LINGER, socket_that_blocks_when_closed
from ...support.spc import reserve_in
from .conftest import Start


def test_descriptor_that_blocks_in_close_delays_nobody_when_its_client_is_turned_away(start: Start) -> None:
    bench = start("--max-clients", "4")
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


def test_refused_clients_whose_descriptors_block_in_close_cost_no_thread_and_no_descriptor(start: Start) -> None:
    attempts = 40
    bench = start("--max-clients-per-process", "2")
    with contextlib.ExitStack() as sockets, bench.connect_when_there_is_room() as one:
        blocking = [sockets.enter_context(socket_that_blocks_when_closed()) for _ in range(attempts)]
        with bench.connect_when_there_is_room():
            bench.check_served(one)
            threads, descriptors = bench.helper.threads(), bench.helper.descriptors()
            bench.helper.process.send_signal(signal.SIGSTOP)  # it shall find the descriptors when it looks
            for passed in blocking:
                with bench.connect(negotiate=False) as refused:
                    refused.send(b"\0", [passed.fileno()])
                    passed.close()
            bench.helper.process.send_signal(signal.SIGCONT)
            with bench.connect(negotiate=False) as last:
                last.receive_all()  # those before it have been looked at
            bench.check_served(one)
            wait_until(lambda: bench.helper.descriptors() <= descriptors, what="the refused to be forgotten")
            wait_until(lambda: bench.helper.threads() <= threads + 2, what="the threads to be back at work")


def test_a_descriptor_that_blocks_in_close_counts_against_its_client_until_it_is_closed(start: Start) -> None:
    bench = start("--max-clients-per-process", "2")
    with socket_that_blocks_when_closed() as blocking, bench.connect_when_there_is_room() as one:
        with bench.connect_when_there_is_room() as client:
            client.send(reserve_in(0)[:1], [blocking.fileno()])
            blocking.close()
        with bench.connect(negotiate=False) as refused:
            assert refused.receive_all() == b""
        bench.check_served(one)
    bench.connect_when_there_is_room().close()


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
