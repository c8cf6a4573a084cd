"""The rest of README's table, beside what is answered (test_betterments.py): the C helper does as the table says.

What ours does instead is tested on its own in tests/daemon; here it is only where both are needed to tell.
"""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, FakeDevice
from ...support.helper import OURS, Helper, is_another_file, wait_until
from ...support.spc import GOOD, reserve_in
from .pair import opened
from .version import programs

POOL = 64
"""Commands that the C helper carries out at once."""

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


class Bench:
    """Either helper with a disk that hangs, and clients for it."""

    def __init__(self, library: Path, directory: Path) -> None:
        self._stack = ExitStack()
        self._library = library
        self._directory = directory

    def start(self, command: list[str], *options: str) -> tuple[Helper, FakeDevice]:
        folder = self._directory / str(len(list(self._directory.iterdir())))
        folder.mkdir()
        device = FakeDevice(self._library, folder)
        self._stack.callback(device.release)
        helper = self._stack.enter_context(Helper(folder, command, options, env=device.env))
        self._stack.callback(device.release)
        device.hold()
        return helper, device

    def hang(self, helper: Helper, device: FakeDevice, count: int) -> None:
        """Let so many commands hang."""
        fd = self._stack.enter_context(opened(HANGING))
        for _ in range(count):
            self._stack.enter_context(Client(helper.socket)).send(reserve_in(0), [fd])
        wait_until(lambda: device.hanging == count, what=f"{count} commands to hang")

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def bench(fake_device_library: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(fake_device_library, tmp_path)
    yield bench
    bench.close()


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing has come, not even the end."""
    return not select.select([connection], [], [], 0)[0]


def test_64_hung_commands_keep_the_c_helper_from_any_other(bench: Bench) -> None:
    (theirs, their_device), (ours, our_device) = bench.start(programs().helper), bench.start([*OURS])
    with opened(HEALTHY) as fd:
        for helper, device in ((theirs, their_device), (ours, our_device)):
            bench.hang(helper, device, POOL)
        with Client(theirs.socket) as waiting, Client(ours.socket) as served:
            waiting.send(reserve_in(0), [fd])
            assert served.command(fd, reserve_in(0)).status == GOOD
            assert is_silent(waiting.socket)
            their_device.release()
            assert waiting.reply().status == GOOD


def test_an_incomplete_request_keeps_the_c_helper_waiting(bench: Bench) -> None:
    theirs, _ = bench.start(programs().helper)
    ours, _ = bench.start([*OURS], "--request-timeout=0.1")
    with Client(theirs.socket) as waiting, Client(ours.socket) as ended, opened(HEALTHY) as fd:
        for client in (waiting, ended):
            client.send(reserve_in(0)[:8], [fd])
        assert ended.hung_up()
        assert is_silent(waiting.socket)
        assert [helper.open_files().count(HEALTHY) for helper in (theirs, ours)] == [2, 1]  # one is standard input


def test_the_c_helper_replaces_a_socket_in_use(tmp_path: Path) -> None:
    with Helper(tmp_path, programs().helper) as first:
        before = first.socket.stat()
        with Helper(tmp_path, programs().helper) as second:
            wait_until(lambda: is_another_file(second.socket, before), what="the socket to be replaced")
            assert first.process.poll() is None


def test_the_c_helper_replaces_another_file(tmp_path: Path) -> None:
    (tmp_path / "helper.sock").write_text("somebody's data")
    with Helper(tmp_path, programs().helper) as helper:
        assert helper.socket.is_socket()


@AS_ROOT
def test_the_c_helper_keeps_group_0_if_told_only_the_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for command, group in ((programs().helper, 0), ([*OURS], 65534)):
        # Once it answers it has become nobody.
        with Helper(tmp_path, command, ["-u", "nobody"]) as helper, Client(helper.socket):
            assert (ids(helper, "Uid"), ids(helper, "Gid")) == (65534, group)


def test_a_stop_with_a_hung_command_ends_the_c_helper_only_when_that_ends(bench: Bench) -> None:
    theirs, their_device = bench.start(programs().helper)
    ours, our_device = bench.start([*OURS], "--stop-timeout=0.1")
    for helper, device in ((theirs, their_device), (ours, our_device)):
        bench.hang(helper, device, 1)
        helper.process.terminate()
    assert ours.process.wait(20) == 0
    assert theirs.process.poll() is None
    their_device.release()
    assert theirs.process.wait(20) == 0


def test_the_c_helper_logs_nothing(bench: Bench) -> None:
    theirs, _ = bench.start(programs().helper)
    with Client(theirs.socket) as client, opened(HEALTHY) as fd:
        assert client.command(fd, reserve_in(0)).status == GOOD
    assert theirs.output() == ""


def ids(helper: Helper, name: str) -> int:
    """The effective user or group of a process."""
    lines = Path(f"/proc/{helper.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[2])
