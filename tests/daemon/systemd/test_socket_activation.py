"""Socket activation by systemd-socket-activate, which listens, waits for the first client, and becomes the helper."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ...support.client import Client, HungUpError
from ...support.helper import is_listening, wait_until
from ...support.programs import require_program
from ...support.spc import IO_TERMINATED, reserve_in, sense_code


@contextmanager
def activated(
    sockets: Sequence[Path], command: Sequence[str], options: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    program = require_program("systemd-socket-activate", "systemd")
    listen = [text for path in sockets for text in ("-l", str(path))]
    process = subprocess.Popen([program, *listen, *command, *options], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: all(map(is_listening, sockets)), what="systemd-socket-activate to listen")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start_refused(sockets: Sequence[Path], command: Sequence[str], options: Sequence[str] = ()) -> tuple[int, str]:
    """Activate a helper that will not start: its exit status, and what it said."""
    with activated(sockets, command, options) as process:
        with pytest.raises(HungUpError), Client(sockets[0]):
            pass
        _, output = process.communicate(timeout=20)
        return process.returncode, output


def test_the_first_client_starts_the_helper_and_is_served(tmp_path: Path, command: Sequence[str]) -> None:
    path = tmp_path / "helper.sock"
    with activated([path], command) as process, (tmp_path / "file").open("w+b") as file:
        for _ in range(2):
            with Client(path) as client:
                assert sense_code(client.command(file.fileno(), reserve_in(0)).sense) == IO_TERMINATED
        process.terminate()
        _, output = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "listening on the socket that systemd passed" in output


def test_a_socket_that_was_passed_is_not_removed_at_the_end(tmp_path: Path, command: Sequence[str]) -> None:
    path = tmp_path / "helper.sock"
    with activated([path], command) as process:
        with Client(path):
            process.terminate()
        assert process.wait(20) == 0
        assert path.is_socket()


def test_a_socket_option_beside_it_is_refused(tmp_path: Path, command: Sequence[str]) -> None:
    other = tmp_path / "other.sock"
    status, output = start_refused([tmp_path / "helper.sock"], command, ["-k", str(other)])
    assert status == 1
    assert f"--socket {other} cannot be used with socket activation: remove one of the two" in output
    assert "Traceback" not in output
    assert not other.exists()


def test_two_sockets_are_refused(tmp_path: Path, command: Sequence[str]) -> None:
    status, output = start_refused([tmp_path / "one.sock", tmp_path / "two.sock"], command)
    assert status == 1
    assert "systemd passed 2 sockets; prhelper serves one: one ListenStream=" in output
    assert "Traceback" not in output
