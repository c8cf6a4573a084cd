"""One session in each context that it can run in, against a plain socket: what it answers, and what it leaves."""

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator

import anyio
import pytest

from prhelper.channel import IncompleteRead, OwnedFd, SocketChannel, run
from prhelper.device.execution import Execution
from prhelper.device.identity import DeviceId
from prhelper.device.scsi_device import ScsiDevices
from prhelper.protocol import ProtocolError
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving.session import Devices, serve

from ...support.client import keys, reserve_in, reserve_out

HELLO = bytes(4)
NOT_SCSI = bytes.fromhex("00000002 00000000 70000b00 0000000a 00000000 0006") + bytes(82)
READ_ONLY = bytes.fromhex("00000002 00000000 70000500 0000000a 00000000 2000") + bytes(82)


class Silent:
    """An observer that only remembers."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []

    def begun(self, command: Command) -> None:
        pass

    def identified(self, device: DeviceId) -> None:
        pass

    def done(self, execution: Execution) -> None:
        self.executions.append(execution)


class Loopback:
    """Devices that answer with what they were sent."""

    async def execute(self, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]) -> Execution:
        identified(DeviceId.of(descriptor.fileno()))
        descriptor.close()
        return Execution(command, Outcome(0, bytes(96), command.parameter_list or command.cdb), None)


Runner = Callable[[SocketChannel, Silent, Devices], BaseException | None]


def in_loop(backend: str) -> Runner:
    def runner(channel: SocketChannel, observer: Silent, devices: Devices) -> BaseException | None:
        return catch(lambda: anyio.run(lambda: serve(channel, devices, observer, 0.2), backend=backend))

    return runner


def in_thread(channel: SocketChannel, observer: Silent, devices: Devices) -> BaseException | None:
    return catch(lambda: run(serve(channel, devices, observer, 0.2)))


def catch(function: Callable[[], object]) -> BaseException | None:
    try:
        function()
    except Exception as error:
        return error
    return None


class Session:
    """A session in a thread of its own, and the client's end of its socket."""

    def __init__(self, runner: Runner, devices: Devices) -> None:
        self.observer = Silent()
        self.error: BaseException | None = None
        self.client, ours = socket.socketpair()
        self.client.settimeout(10)
        self.channel = SocketChannel(ours)
        self.thread = threading.Thread(target=self._serve, args=(runner, devices))
        self.thread.start()

    def _serve(self, runner: Runner, devices: Devices) -> None:
        self.error = runner(self.channel, self.observer, devices)
        self.channel.close()

    def send(self, data: bytes, *fds: int) -> None:
        socket.send_fds(self.client, [data], list(fds))

    def receive(self, size: int) -> bytes:
        return self.client.recv(size, socket.MSG_WAITALL) if size else b""

    def end(self) -> BaseException | None:
        """Wait for the session to hang up: what ended it."""
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.error


RUNNERS = {"asyncio": in_loop("asyncio"), "trio": in_loop("trio"), "thread": in_thread}


@pytest.fixture(params=list(RUNNERS.values()), ids=list(RUNNERS))
def runner(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@contextlib.contextmanager
def session(runner: Runner, devices: Devices) -> Iterator[Session]:
    """A session that has greeted; at the end the client is gone, and no descriptor more than before is open."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    session = Session(runner, devices)
    try:
        assert session.receive(4) == HELLO
        yield session
    finally:
        session.client.close()
        session.end()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


@pytest.fixture
def null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def read_only() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDONLY)
    yield fd
    os.close(fd)


def test_requests_are_answered_in_order_and_a_hang_up_between_them_is_a_clean_end(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        for action in range(3):
            peer.send(reserve_in(action), null)
            assert peer.receive(120) == bytes(4) + (16).to_bytes(4, "big") + bytes(96) + reserve_in(action)
        peer.client.shutdown(socket.SHUT_WR)
        assert peer.end() is None
        assert len(peer.observer.executions) == 3


def test_pieces_of_a_request_are_put_together(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        for byte in HELLO:
            peer.send(bytes([byte]))
        message = reserve_out(0) + keys(1, 2)
        peer.send(message[:1])
        peer.send(message[1:9], null)
        for byte in message[9:]:
            peer.send(bytes([byte]))
        assert peer.receive(128)[104:] == keys(1, 2)


def test_file_that_is_no_scsi_device_gets_check_condition(runner: Runner, null: int) -> None:
    with session(runner, ScsiDevices(1)) as peer:
        peer.send(HELLO)
        for cdb, data in ((reserve_in(0), b""), (reserve_out(0), keys())):
            peer.send(cdb, null)
            peer.send(data)
            assert peer.receive(104) == NOT_SCSI
        assert [execution.error for execution in peer.observer.executions] == [errno.ENOTTY, errno.ENOTTY]


def test_out_on_a_read_only_descriptor_is_refused_without_asking_the_device(runner: Runner, read_only: int) -> None:
    with session(runner, ScsiDevices(1)) as peer:
        peer.send(HELLO + b"")
        peer.send(reserve_out(0), read_only)
        peer.send(keys())
        assert peer.receive(104) == READ_ONLY
        assert "read-only" in str(peer.observer.executions[0].trouble)
        assert peer.observer.executions[0].error is None


def test_violation_ends_the_session(runner: Runner) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0))
        assert isinstance(peer.end(), ProtocolError)


@pytest.mark.parametrize("data", [b"", HELLO[:2], HELLO + reserve_in(0)[:7]], ids=["nothing", "features", "cdb"])
def test_client_that_begins_and_waits_is_given_up(runner: Runner, data: bytes) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(data)
        assert isinstance(peer.end(), TimeoutError)


@pytest.mark.parametrize("size", [17, 30])
def test_client_that_leaves_in_the_middle_of_a_request_ends_it(runner: Runner, null: int, size: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send((reserve_out(0) + keys())[:size], null)
        peer.client.shutdown(socket.SHUT_WR)
        assert isinstance(peer.end(), IncompleteRead)


def test_quiesced_session_answers_what_has_arrived_and_ends(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        peer.receive(120)
        peer.channel.quiesce()
        assert peer.end() is None
