"""Locks that other processes see, whatever this one closes."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.host import file_lock

LIBVIRTS = (fcntl.LOCK_EX, 1, 0)
"""Type, length and start of the lock that libvirt takes on a pidfile."""

TRY = """\
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    try:
        fcntl.lockf(file, int(sys.argv[2]) | fcntl.LOCK_NB, *map(int, sys.argv[3:]))
    except BlockingIOError:
        print("locked")
"""


def is_locked(path: Path, kind: int = fcntl.LOCK_EX, length: int = 1, start: int = 0) -> bool:
    """Whether another process is kept from this lock, as libvirt would be."""
    command = [sys.executable, "-I", "-c", TRY, str(path), str(kind), str(length), str(start)]
    return bool(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pid"
    path.write_text("1234")
    return path


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    """As libvirt opens its pidfile."""
    fd = os.open(path, os.O_WRONLY)
    yield fd
    os.close(fd)


def close_another(path: Path) -> None:
    """What happens when a client passes a descriptor of the file."""
    os.close(os.open(path, os.O_RDONLY))


def test_a_lock_of_the_process_is_lost_with_any_descriptor_of_the_file(path: Path, fd: int) -> None:
    fcntl.lockf(fd, *LIBVIRTS)
    close_another(path)
    assert not is_locked(path)


@pytest.mark.parametrize("again", [1, 2], ids=["once", "twice"])
def test_an_inherited_lock_that_is_kept_outlives_another_descriptor_of_the_file(
    path: Path, fd: int, again: int
) -> None:
    fcntl.lockf(fd, *LIBVIRTS)
    for _ in range(again):
        file_lock.keep_inherited()
    close_another(path)
    assert is_locked(path)


def test_an_inherited_lock_ends_with_its_descriptor(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY)
    fcntl.lockf(fd, *LIBVIRTS)
    file_lock.keep_inherited()
    os.close(fd)
    assert not is_locked(path)


def test_type_and_range_stay_as_they_were(path: Path) -> None:
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_SH, 2, 10)
        fcntl.lockf(file, fcntl.LOCK_EX, 0, 100)
        file_lock.keep_inherited()
        close_another(path)
        assert not is_locked(path, length=10)
        assert is_locked(path, start=10)
        assert is_locked(path, start=11)
        assert not is_locked(path, fcntl.LOCK_SH, start=11)
        assert not is_locked(path, start=12, length=88)
        assert is_locked(path, fcntl.LOCK_SH, start=100)
        assert is_locked(path, fcntl.LOCK_SH, start=100_000)


@pytest.mark.usefixtures("fd")
def test_without_an_inherited_lock_nothing_is_locked(path: Path) -> None:
    file_lock.keep_inherited()
    assert not is_locked(path)


def test_where_proc_is_missing_the_lock_stays_what_it_is(
    path: Path, fd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl.lockf(fd, *LIBVIRTS)
    monkeypatch.setattr(file_lock, "_FDINFO", tmp_path / "none")
    file_lock.keep_inherited()
    assert is_locked(path)


def test_where_the_file_system_has_no_such_lock_the_old_one_is_taken_again(
    path: Path, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    fcntl.lockf(fd, *LIBVIRTS)
    monkeypatch.setattr(file_lock, "lock", refuse)
    file_lock.keep_inherited()
    assert is_locked(path)


def test_a_second_lock_is_refused_at_once(path: Path, fd: int) -> None:
    file_lock.lock(fd)
    with path.open("r+b") as other, pytest.raises(BlockingIOError):
        file_lock.lock(other.fileno())
