"""The multipath worker as a process: what it offers, what it refuses, and what a client has of its death."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import FakeDevice, Held
from ...support.helper import Helper, run_to_end, wait_until
from ...support.spc import CHECK_CONDITION, INVALID_OPCODE, reserve_in, sense_code
from .bench import Daemon, check_try_again, worker

Start = Callable[..., Daemon]

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="the worker must be root: run the tests as root too")


@pytest.fixture(name="worker")
def _worker(fake_device_library: Path, directory: Path) -> Iterator[tuple[Helper, FakeDevice]]:
    with worker(fake_device_library, directory) as started:
        yield started
        print(started[0].output())


@NEEDS_ROOT
def test_worker_offers_its_feature_and_serves_whoever_does_not_want_it(worker: tuple[Helper, FakeDevice]) -> None:
    helper, _ = worker
    with Client(helper.socket, negotiate=False) as client:
        assert client.receive(4) == bytes.fromhex("80000000")
        client.send(bytes(4))
        with Path("/dev/null").open("rb") as null:
            reply = client.command(null.fileno(), reserve_in(0))
    assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)


@NEEDS_ROOT
def test_worker_refuses_what_is_no_map_and_the_daemon_says_why(start: Start, worker: tuple[Helper, FakeDevice]) -> None:
    helper, _ = worker
    daemon = start(helper.socket)
    with daemon.connect() as client:
        daemon.ask(client)
        reply = client.reply()
        assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)
    for log in (helper, daemon.helper):
        log.wait_for_log("device 1:5 (zero): PERSISTENT RESERVE OUT RESERVE")
        log.wait_for_log(f'pid {os.getpid()} uid {os.getuid()} "')


@NEEDS_ROOT
def test_worker_that_is_killed_with_a_command_is_a_reason_to_try_again_and_the_next_one_answers(
    start: Start, fake_device_library: Path, directory: Path
) -> None:
    with worker(fake_device_library, directory) as (helper, device):
        daemon = start(helper.socket)
        device.hold(Held.FSTAT)
        with daemon.connect() as client:
            daemon.ask(client)
            wait_until(lambda: device.hanging == 1, what="the worker to have the command")
            helper.stop(signal.SIGKILL)
            check_try_again(client.reply())
            daemon.ask(client)  # there is nobody now
            check_try_again(client.reply())
            daemon.check_served(client)
            with worker(fake_device_library, directory):
                daemon.ask(client)
                assert client.reply().status == CHECK_CONDITION
    daemon.helper.wait_for_log("ended with the command in it, which may or may not have been carried out")
    daemon.helper.wait_for_log("Connection refused; start it (systemctl enable --now prhelper-multipath.socket)")


@NEEDS_ROOT
def test_worker_that_hangs_with_a_command_answers_once_it_goes_on(
    start: Start, worker: tuple[Helper, FakeDevice]
) -> None:
    helper, device = worker
    daemon = start(helper.socket)
    device.hold(Held.FSTAT)
    with daemon.connect() as client, daemon.connect() as other:
        daemon.ask(client)
        wait_until(lambda: device.hanging == 1, what="the worker to have the command")
        for _ in range(20):
            daemon.check_served(other)
        device.release()
        assert sense_code(client.reply().sense) == INVALID_OPCODE


@NEEDS_ROOT
def test_worker_that_takes_no_command_is_a_reason_to_try_again(start: Start, worker: tuple[Helper, FakeDevice]) -> None:
    helper, _ = worker
    daemon = start(helper.socket, greeting=0.5)
    helper.process.send_signal(signal.SIGSTOP)
    with daemon.connect() as client:
        daemon.ask(client)
        check_try_again(client.reply())
    helper.process.send_signal(signal.SIGCONT)
    daemon.helper.wait_for_log("it did not take the command within 0.5 s; see its log")


@NEEDS_ROOT
def test_one_process_may_have_all_connections_of_the_worker(fake_device_library: Path, directory: Path) -> None:
    with worker(fake_device_library, directory, "--max-clients", "3") as (helper, _):
        clients = [Client(helper.socket, negotiate=False) for _ in range(3)]
        assert [client.receive(4) for client in clients] == [bytes.fromhex("80000000")] * 3
        with Client(helper.socket, negotiate=False) as client:
            assert client.hung_up()
        for client in clients:
            client.close()


@NEEDS_ROOT
def test_worker_says_whose_request_it_carries_out_in_a_trace(fake_device_library: Path, directory: Path) -> None:
    origin = b'{"number":7,"pid":1234,"uid":107,"name":"qemu","account":"a"}'
    with worker(fake_device_library, directory, "-T", "prh_client_*") as (helper, _):
        with Client(helper.socket, negotiate=False) as client, Path("/dev/null").open("rb") as null:
            client.send(client.receive(4))
            client.send(reserve_in(0), [null.fileno()])
            client.send(struct.pack(">I", len(origin)) + origin)
            client.reply()
        helper.wait_for_log('prh_client_origin client 1 for client 7 of the daemon, pid 1234 uid 107 "qemu"')


@pytest.mark.skipif(os.geteuid() == 0, reason="root may be the worker: run the tests as an ordinary user too")
def test_ordinary_user_cannot_be_the_worker(tmp_path: Path) -> None:
    done = run_to_end("-k", tmp_path / "worker.sock", "--multipath-worker")
    assert done.returncode == 1
    assert "--multipath-worker: " in done.stderr
    assert list(tmp_path.iterdir()) == []
