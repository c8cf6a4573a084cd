"""libvirt's stop: SIGTERM, and 10 s later SIGKILL, long before --stop-timeout is over."""

import pytest

from ...support.client import Client, HungUpError
from ...support.helper import wait_until
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .managed import Machine


def test_a_helper_at_rest_ends_by_sigterm_and_takes_its_socket_away(machine: Machine) -> None:
    helper = machine.start_helper()
    with Client(helper.socket) as client:
        helper.tell_to_stop()
        assert helper.has_ended(20.0)
        assert client.hung_up()
    assert not helper.socket.exists()


def test_a_helper_that_is_stopped_as_soon_as_its_socket_is_there_ends_as_well(machine: Machine) -> None:
    """QEMU may fail at once; the helper still imports what it serves with."""
    helper = machine.start_helper()
    helper.tell_to_stop()
    assert helper.has_ended(20.0)
    assert not helper.socket.exists()


def test_a_helper_whose_device_hangs_has_done_all_it_can_before_it_is_killed(
    machine: Machine, healthy: int, hanging: int
) -> None:
    helper = machine.start_helper()
    with Client(helper.socket) as stuck, Client(helper.socket) as other:
        machine.device.hold()
        stuck.send(reserve_out(0), [hanging])
        stuck.send(keys(1, 2))
        wait_until(lambda: machine.device.hanging == 1, what="the command to hang")
        assert other.command(healthy, reserve_in(0)).status == GOOD
        helper.tell_to_stop()
        assert other.hung_up()
        wait_until(lambda: not helper.socket.exists(), what="the socket file to be removed")
        assert helper.is_taken_for_alive()
        helper.kill()
        with pytest.raises(HungUpError):
            stuck.reply()
    assert not helper.is_taken_for_alive()
    machine.device.release()

    successor = machine.start_helper()
    with Client(successor.socket) as client:
        assert client.command(healthy, reserve_in(0)).status == GOOD
