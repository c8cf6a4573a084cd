"""What libvirt's way to start a helper demands of it."""

import socket
import sys
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from ..systemd.service import ServiceManager
from .managed import Machine, StartFailedError

MANY = 200
"""Commands. The lines about them are more than a pipe holds."""


def listening_process(client: Client) -> int:
    credentials = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder)


def test_once_the_socket_file_is_there_the_process_of_the_pidfile_serves(machine: Machine, healthy: int) -> None:
    helper = machine.start_helper()
    with Client(helper.socket) as client:
        assert listening_process(client) == helper.pid
        assert client.command(healthy, reserve_in(0)).status == GOOD


def test_the_pidfile_is_libvirts_and_left_alone(machine: Machine) -> None:
    helper = machine.start_helper()
    with Client(helper.socket):
        assert helper.pidfile.read_text() == str(helper.pid)
        helper.tell_to_stop()
        assert helper.has_ended(20.0)
    assert helper.pidfile.exists()


def test_no_message_meant_for_virtqemud_is_sent_and_no_socket_of_its_taken(
    machine: Machine, manager: ServiceManager
) -> None:
    helper = machine.start_helper()
    with Client(helper.socket):
        pass
    helper.tell_to_stop()
    assert helper.has_ended(20.0)
    assert manager.waiting() == []
    assert not Path(machine.env["STATE_DIRECTORY"]).exists()


def test_standard_error_that_was_closed_stalls_nobody_and_does_not_spoil_the_end(
    machine: Machine, healthy: int
) -> None:
    helper = machine.start_helper()
    with Client(helper.socket) as client:
        for key in range(MANY):
            assert client.command(healthy, reserve_out(0), keys(key, key + 1)).status == GOOD
    helper.tell_to_stop()
    assert helper.has_ended(20.0)
    assert not helper.socket.exists()


def test_a_start_that_fails_tells_libvirt_why_in_one_line(machine: Machine) -> None:
    (machine.directory / "lib").rmdir()
    with pytest.raises(StartFailedError) as failure:
        machine.start_helper()
    socket = machine.directory / "lib/pr-helper0.sock"
    assert str(failure.value) == f"prhelper: --socket {socket}: No such file or directory; make its directory first\n"


def test_a_helper_that_died_is_replaced(machine: Machine, healthy: int) -> None:
    first = machine.start_helper()
    first.kill()
    second = machine.start_helper()
    assert second.pid != first.pid
    with Client(second.socket) as client:
        assert client.command(healthy, reserve_in(0)).status == GOOD
