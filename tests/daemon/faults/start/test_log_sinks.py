"""Standard error that nobody reads, or that nobody can read any more: the log suffers, the clients do not."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ....support.client import Client
from ....support.fake_device import HEALTHY, FakeDevice
from ....support.helper import OURS, Helper
from ....support.spc import GOOD, keys, reserve_in, reserve_out

MANY = 200
"""Commands whose lines, with all their bytes, are far more than a pipe holds."""


@pytest.fixture
def healthy() -> Iterator[int]:
    fd = os.open(HEALTHY, os.O_RDWR)
    yield fd
    os.close(fd)


def full_pipe(blocking: bool) -> tuple[int, int]:
    """The ends of a pipe that no byte more fits into."""
    reading, full = os.pipe()
    os.set_blocking(full, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full, b"\n" * 4096)
    os.set_blocking(full, blocking)
    return reading, full


def command_many(helper: Helper, fd: int) -> None:
    with Client(helper.socket) as client:
        for _ in range(MANY):
            assert client.command(fd, reserve_in(0)).status == GOOD
            assert client.command(fd, reserve_out(0), keys(1, 2)).status == GOOD


@pytest.mark.parametrize("sink", ["stderr", "auto"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_log_that_is_never_read_stalls_nobody_and_does_not_spoil_the_end(
    fake_device_library: Path, tmp_path: Path, healthy: int, sink: str, number: signal.Signals
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    options = ["-vv", f"--log={sink}"]
    with Helper(tmp_path, options=options, env=device.env, stderr=subprocess.PIPE) as helper:
        command_many(helper, healthy)
        assert helper.stop(number) == 0
        assert not helper.socket.exists()


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non_blocking"])
def test_a_warning_at_the_start_that_nobody_reads_stalls_nobody_and_is_read_later(
    fake_device_library: Path, tmp_path: Path, healthy: int, blocking: bool
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    reading, full = full_pipe(blocking)
    options = ["--emulate", "--state-directory", str(tmp_path / "state")]
    with os.fdopen(reading) as lines, Helper(tmp_path, options=options, env=device.env, stderr=full) as helper:
        os.close(full)
        with Client(helper.socket, timeout=10.0) as client:
            assert client.command(healthy, reserve_in(0)).status == GOOD
        text = next(line for line in lines if line != "\n")
        assert "--emulate: reservations of devices that have none of their own" in text
        assert helper.stop() == 0


def test_a_warning_at_the_start_that_is_never_read_does_not_spoil_the_end(tmp_path: Path) -> None:
    options = ["--emulate", "--state-directory", str(tmp_path / "state")]
    reading, full = full_pipe(blocking=True)
    with os.fdopen(reading), Helper(tmp_path, options=options, stderr=full) as helper:
        os.close(full)
        assert helper.stop() == 0
        assert not helper.socket.exists()


@pytest.mark.parametrize("sink", ["stderr", "auto"])
def test_a_log_whose_reader_goes_away_stalls_nobody_and_does_not_spoil_the_end(
    fake_device_library: Path, tmp_path: Path, healthy: int, sink: str
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    options = ["-vv", f"--log={sink}"]
    with Helper(tmp_path, options=options, env=device.env, stderr=subprocess.PIPE) as helper:
        assert helper.process.stderr is not None
        assert any(b"listening on" in line for line in helper.process.stderr)
        helper.process.stderr.close()
        command_many(helper, healthy)
        assert helper.stop() == 0
        assert not helper.socket.exists()


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_a_start_without_standard_streams_serves_and_ends_as_ever(
    fake_device_library: Path, tmp_path: Path, healthy: int, closed: str
) -> None:
    device = FakeDevice(fake_device_library, tmp_path)
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *OURS]
    with Helper(tmp_path, command, ["-vv"], env=device.env) as helper:
        command_many(helper, healthy)
        assert helper.stop() == 0
        assert not helper.socket.exists()
