"""Races that a held system call makes certain: a registration armed late, and calls that fail for a moment."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.client import HungUpError
from ...support.fake_device import PATTERN
from ...support.hold import Hold
from ...support.spc import reserve_in
from .bench import Bench

REQUEST_TIMEOUT = "0.2"
LONGER = 1.0


class HeldBench(Bench):
    """A bench whose helper's system calls can be held up, or fail."""

    def __init__(self, library: Path, hold_library: Path, directory: Path) -> None:
        self.hold = Hold(hold_library, directory, library)
        super().__init__(library, directory, ("--request-timeout", REQUEST_TIMEOUT), self.hold.env)


@pytest.fixture
def bench(fake_device_library: Path, hold_library: Path, tmp_path: Path) -> Iterator[HeldBench]:
    bench = HeldBench(fake_device_library, hold_library, tmp_path)
    yield bench
    bench.check_health()
    bench.check_nothing_is_left()
    bench.close()


def test_a_session_is_not_ended_while_its_registration_is_being_armed(bench: HeldBench) -> None:
    with bench.connect() as client:
        with bench.hold.next("epoll_ctl_mod"):
            client.send(b"\0")  # of a CDB: it rests again, with a deadline
            bench.hold.wait("epoll_ctl_mod")
            client.socket.settimeout(LONGER)
            with pytest.raises(TimeoutError):  # its deadline passes, and ends nothing
                client.socket.recv(1)
            bench.check_health()  # there is another leader meanwhile
        client.socket.settimeout(20.0)
        assert client.hung_up()


def test_clients_that_hang_up_while_they_are_armed_leave_the_helper_alone(bench: HeldBench) -> None:
    for _ in range(3):
        with bench.hold.next("epoll_ctl_mod"):
            with bench.connect() as client:
                client.send(b"\0")
                bench.hold.wait("epoll_ctl_mod")
            bench.check_health()
        bench.check_health()


@pytest.mark.parametrize("error", [errno.EPROTO, errno.EPERM, errno.ENOMEM, errno.ENOSPC], ids=errno.errorcode.get)
def test_an_accept_that_fails_is_said_and_the_helper_goes_on(bench: HeldBench, error: int) -> None:
    bench.hold.fail("accept", error)
    bench.check_health()
    bench.helper.wait_for_log("cannot accept clients")


def test_a_client_that_cannot_be_watched_is_turned_away_and_the_helper_goes_on(bench: HeldBench) -> None:
    for _ in range(6):  # it may hit the main thread's set or the sessions'
        bench.hold.fail("epoll_ctl_add", errno.ENOSPC)
        with bench.connect(negotiate=False) as client:
            bench.hold.wait("epoll_ctl_add")
            client.socket.recv(4)
    bench.helper.wait_for_log("max_user_watches")
    assert "bug" not in bench.helper.output()


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.ENOMEM], ids=errno.errorcode.get)
def test_an_answer_for_which_the_kernel_has_no_memory_is_sent_again(bench: HeldBench, error: int) -> None:
    with bench.connect() as client:
        bench.hold.fail("send", error)
        assert client.command(bench.healthy, reserve_in(0, 64)).payload == PATTERN[:64]
        bench.hold.wait("send")


@pytest.mark.parametrize("error", [errno.ECONNRESET, errno.EMSGSIZE], ids=errno.errorcode.get)
def test_an_answer_that_is_lost_is_said_in_the_log(bench: HeldBench, error: int) -> None:
    with bench.connect() as client:
        bench.hold.fail("send", error)
        with pytest.raises(HungUpError):
            client.command(bench.healthy, reserve_in(0, 64))
    bench.helper.wait_for_log("lost the answer to PERSISTENT RESERVE IN")
