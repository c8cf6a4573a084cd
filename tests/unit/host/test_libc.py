"""Each wrapper does what its manual page says, and raises OSError where the kernel refuses."""

import errno
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.host import libc

AN_HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda: libc.capset(libc.Capabilities(effective=1, permitted=0, inheritable=0)), errno.EPERM),
        (lambda: libc.prctl(libc.PR_CAPBSET_READ, 63), errno.EINVAL),
        (lambda: libc.birth_time(-1), errno.EBADF),
        (lambda: libc.timerfd_settime(-1, libc.itimerspec(0, 0)), errno.EBADF),
    ],
    ids=["capset", "prctl", "birth_time", "timerfd_settime"],
)
def test_what_the_kernel_refuses_is_an_oserror_with_its_number(call: Callable[[], object], number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        call()
    assert raised.value.errno == number


def test_function_that_this_c_library_lacks_is_one_that_the_kernel_lacks() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSYS)):
        libc._declare("no_such_function")(1, 2)


def test_capabilities_are_those_of_proc() -> None:
    status = dict(line.split(":\t") for line in Path("/proc/thread-self/status").read_text().splitlines())
    assert libc.capget() == tuple(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh"))


def test_capabilities_can_be_set_as_they_were_got() -> None:
    def drop_inheritable() -> None:
        libc.capset(libc.capget()._replace(inheritable=0))
        now.append(libc.capget())

    now: list[libc.Capabilities] = []
    thread = threading.Thread(target=drop_inheritable)
    thread.start()
    thread.join()
    assert now == [libc.capget()._replace(inheritable=0)]


def test_processor_is_one_that_the_thread_may_run_on() -> None:
    assert libc.sched_getcpu() in os.sched_getaffinity(0)


def test_file_was_born_before_it_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("born")
    with path.open() as file:
        born = libc.birth_time(file.fileno())
        if born is None:
            pytest.skip("this file system does not tell: set TMPDIR to ext4, btrfs, xfs or tmpfs")
        assert born[0] * 10**9 + born[1] <= os.fstat(file.fileno()).st_mtime_ns


def test_file_without_a_time_of_birth_says_none() -> None:
    with Path("/proc/self/stat").open() as file:
        assert libc.birth_time(file.fileno()) is None


@pytest.mark.parametrize(("first", "expires"), [(1, True), (AN_HOUR, False), (0, False)])
def test_timer_expires_when_it_was_set_to(first: int, expires: bool) -> None:
    fd = libc.timerfd_create()
    try:
        assert not os.get_inheritable(fd)
        libc.timerfd_settime(fd, libc.itimerspec(first, 0))
        began = time.monotonic()
        assert bool(select.select([fd], [], [], 5.0 if expires else 0.01)[0]) == expires
        assert time.monotonic() - began < 4.0
    finally:
        os.close(fd)


def test_thread_with_a_descriptor_table_of_its_own_closes_no_others() -> None:
    forbidden = []

    def close() -> None:
        try:
            libc.unshare(libc.CLONE_FILES)
        except PermissionError as error:
            forbidden.append(error)
        else:
            os.close(fd)

    fd = os.open(os.devnull, os.O_RDONLY)
    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    os.close(fd)
    if forbidden:
        pytest.skip("this sandbox forbids unshare(2): run the tests outside of it")
