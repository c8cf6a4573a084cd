"""libvirt's pidfile stays locked while the helper lives, even if a client passes that very file.

The lock is one of the process, so closing any descriptor of the file would drop it.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import wait_until
from ...support.spc import keys, reserve_in, reserve_out
from .managed import Machine, Managed


@pytest.fixture
def helper(machine: Machine) -> Managed:
    helper = machine.start_helper()
    with Client(helper.socket):  # it serves
        return helper


@pytest.fixture
def same_file(helper: Managed) -> Iterator[int]:
    """What a client passes: it may read the file, as anybody may."""
    fd = os.open(helper.pidfile, os.O_RDONLY)
    yield fd
    os.close(fd)


def as_the_device(client: Client, fd: int) -> None:
    client.command(fd, reserve_in(0))
    client.command(fd, reserve_out(0), keys(1, 2))


def one_of_two(client: Client, fd: int) -> None:
    client.send(reserve_in(0), [fd, fd])


def with_the_parameter_list(client: Client, fd: int) -> None:
    client.send(reserve_out(0), [fd])
    client.send(keys(1, 2), [fd])
    client.reply()


def with_half_a_command(client: Client, fd: int) -> None:
    client.send(reserve_in(0)[:7], [fd])


def unread(client: Client, fd: int) -> None:
    client.send(reserve_in(0, 16)[:7], [fd])
    client.send(reserve_in(0, 16), [fd])


@pytest.mark.parametrize("send", [as_the_device, one_of_two, with_the_parameter_list, with_half_a_command, unread])
def test_a_client_that_passes_the_pidfile_does_not_make_libvirt_take_the_helper_for_dead(
    helper: Managed, same_file: int, send: Callable[[Client, int], None]
) -> None:
    with Client(helper.socket) as client:
        send(client, same_file)
        client.stop_sending()
        client.receive_all()  # the helper has hung up
    wait_until(lambda: descriptors_of(helper) == 1, what="the descriptors that were passed to be closed")
    assert helper.is_taken_for_alive()
    helper.tell_to_stop()
    assert helper.has_ended(20.0)
    assert not helper.is_taken_for_alive()


def descriptors_of(helper: Managed) -> int:
    """How many descriptors of its pidfile the helper has."""
    pidfile = helper.pidfile.stat()
    found = 0
    for descriptor in Path(f"/proc/{helper.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            found += os.path.samestat(descriptor.stat(), pidfile)
    return found
