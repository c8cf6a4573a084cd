"""One session in each context that it can run in, against a plain socket: what it answers, and what it leaves."""

import contextlib
import errno
import socket

import pytest

from prhelper.channel import BrokenResourceError, IncompleteRead, OwnedFd, SocketChannel
from prhelper.device.dispatch import Devices
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.device.scsi_device import ScsiDevice
from prhelper.protocol import ProtocolError
from prhelper.scheduler.thread_pool import NoThreadError
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status
from prhelper.serving.end import AtRest, End

from ...support.helper import wait_until
from ...support.spc import keys, reserve_in, reserve_out
from .sessions import HELLO, SHORT, Loopback, Runner, session

NOT_SCSI = bytes.fromhex("00000002 00000000 70000b00 0000000a 00000000 0006") + bytes(82)
READ_ONLY = bytes.fromhex("00000002 00000000 70000500 0000000a 00000000 2000") + bytes(82)


def test_requests_are_answered_in_order_and_a_hang_up_between_them_is_a_clean_end(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        for action in range(3):
            peer.send(reserve_in(action), null)
            assert peer.receive(120) == bytes(4) + (16).to_bytes(4, "big") + bytes(96) + reserve_in(action)
        peer.client.shutdown(socket.SHUT_WR)
        assert peer.end() is End.HUNG_UP
        assert peer.record.commands == 3
        assert peer.record.in_flight is None


def test_pieces_of_a_request_are_put_together(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        for byte in HELLO:
            peer.send(bytes([byte]))
        message = reserve_out(0) + keys(1, 2)
        peer.send(message[:1])
        wait_until(lambda: not peer.channel.unread(), what="the first byte to be read")
        peer.send(message[1:9], null)
        for byte in message[9:]:
            peer.send(bytes([byte]))
        assert peer.receive(128)[104:] == keys(1, 2)


def test_descriptors_that_come_with_a_parameter_list_are_ignored(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_out(0), null)
        wait_until(lambda: not peer.channel.unread(), what="the CDB to be read")
        peer.send(keys(1, 2), null, null)
        assert peer.receive(128)[104:] == keys(1, 2)


def test_descriptor_is_closed_where_the_connection_breaks_behind_its_cdb(
    runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SocketChannel.read_now

    def broken(channel: SocketChannel, size: int, fds: list[OwnedFd] | None = None) -> bytes | None:
        if size == len(keys()):
            raise BrokenResourceError
        return real(channel, size, fds)

    monkeypatch.setattr(SocketChannel, "read_now", broken)
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_out(0), null)
        assert isinstance(peer.end(), BrokenResourceError)
    assert not peer.devices.results


def test_file_that_is_no_scsi_device_gets_check_condition(runner: Runner, null: int) -> None:
    with session(runner, Devices(ScsiDevice(1), "off")) as peer:
        peer.send(HELLO)
        for cdb, data in ((reserve_in(0), b""), (reserve_out(0), keys())):
            peer.send(cdb, null)
            peer.send(data)
            assert peer.receive(104) == NOT_SCSI
        assert [result.error for result in peer.devices.results] == [errno.ENOTTY, errno.ENOTTY]


def test_out_on_a_read_only_descriptor_is_refused_without_asking_the_device(runner: Runner, read_only: int) -> None:
    with session(runner, Devices(ScsiDevice(1), "off")) as peer:
        peer.send(HELLO)
        peer.send(reserve_out(0), read_only)
        peer.send(keys())
        assert peer.receive(104) == READ_ONLY
        assert "read-only" in str(peer.devices.results[0].trouble)
        assert peer.devices.results[0].error is None


def test_violation_ends_the_session(runner: Runner) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0))
        assert isinstance(peer.end(), ProtocolError)


@pytest.mark.parametrize(
    ("cdb", "descriptors"),
    [(reserve_out(0, 0, 8193), 1), (reserve_out(0), 0), (reserve_out(0), 2)],
    ids=["too long", "no descriptor", "two descriptors"],
)
def test_what_comes_behind_a_refused_cdb_is_left_to_whoever_closes_the_connection(
    runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch, cdb: bytes, descriptors: int
) -> None:
    unread: list[int] = []
    close = SocketChannel.close

    def noting(channel: SocketChannel) -> None:
        unread.append(channel.unread())
        close(channel)

    monkeypatch.setattr(SocketChannel, "close", noting)
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(cdb + keys(), *[null] * descriptors)
        assert isinstance(peer.end(), ProtocolError)
    assert unread == [len(keys())]


def test_second_descriptor_in_the_rest_of_a_cdb_ends_the_session(runner: Runner, null: int) -> None:
    with session(runner, Loopback()) as peer:
        peer.client.sendall(HELLO)
        for part in (reserve_in(0)[:5], reserve_in(0)[5:]):
            peer.send(part, null)
        assert isinstance(peer.end(), ProtocolError)


@pytest.mark.parametrize("data", [b"", HELLO[:2], HELLO + reserve_in(0)[:7]], ids=["nothing", "features", "cdb"])
def test_client_that_begins_and_waits_is_given_up(runner: Runner, data: bytes) -> None:
    with session(runner, Loopback(), SHORT) as peer:
        peer.send(data)
        assert isinstance(peer.end(), TimeoutError)


def test_client_that_sends_a_byte_now_and_then_is_given_up_all_the_same(runner: Runner, null: int) -> None:
    with session(runner, Loopback(), SHORT) as peer:
        peer.send(HELLO)
        peer.send(reserve_out(0)[:1], null)
        for byte in reserve_out(0)[1:] + keys():
            peer.thread.join(0.05)  # a quarter of what all of it may take
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.send(bytes([byte]))
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
        assert peer.end() == AtRest(0)


def test_quiesced_during_the_negotiation_it_ends_as_quiesced(runner: Runner) -> None:
    with session(runner, Loopback()) as peer:
        peer.channel.quiesce()
        end = peer.end()
        assert isinstance(end, AtRest)
        assert (end.agreed, end.begun, end.device) == (None, b"", None)


def test_command_is_in_flight_with_its_device_until_it_is_over(runner: Runner, null: int) -> None:
    class Blocked(Loopback):
        async def execute(self, command: Command, target: Target) -> Result:
            seen.append(peer.record.unfinished())
            return await super().execute(command, target)

    seen: list[str] = []
    with session(runner, Blocked()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        peer.receive(120)
        expected = 'pid 4711 uid 107 "qemu": device 1:3 (null): PERSISTENT RESERVE IN READ KEYS, for 0 s'
        assert seen == [expected]
        assert peer.record.unfinished() == 'pid 4711 uid 107 "qemu": half a request or reply'


def test_a_client_that_hangs_up_during_the_negotiation_is_a_clean_end(runner: Runner) -> None:
    with session(runner, Loopback()) as peer:
        peer.send(HELLO[:2])
        peer.client.shutdown(socket.SHUT_WR)
        assert peer.end() is End.HUNG_UP


def test_where_no_thread_is_left_for_a_command_the_task_set_is_full(runner: Runner, null: int) -> None:
    class NoThread:
        async def execute(self, *_: object) -> Result:
            raise NoThreadError

    with session(runner, NoThread()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        assert peer.receive(104)[:4] == Status.TASK_SET_FULL.to_bytes(4, "big")
