"""openssl's s_client and s_server: plaintext goes through the command channel, TLS through ours at their other end."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prhelper.channel import (
    BrokenResourceError,
    Channel,
    ClosedResourceError,
    CommandChannel,
    SocketChannel,
    TlsChannel,
    UnixListener,
    run,
)

from ...support.helper import wait_until
from ...support.programs import require_program
from ...unit.channel.contexts import THREAD, Context
from ..credentials import SERVER, Credentials
from .conftest import PATIENCE

Connect = Callable[[int], Channel]
LOOPBACK = "127.0.0.1"


def openssl(verb: str, certificates: Credentials, role: str, *more: str) -> CommandChannel:
    """A channel to one end of a TLS connection: what is written here is read, decrypted, at the other."""
    command = [require_program("openssl", "openssl"), verb, "-quiet", *more]
    directory = certificates.directory
    files = {"-CAfile": "ca-cert.pem", "-cert": f"{role}-cert.pem", "-key": f"{role}-key.pem"}
    for option, name in files.items():
        command += [option, str(directory / name)]
    return CommandChannel.spawn(command, patience=PATIENCE)


@contextlib.contextmanager
def client_of_ours(
    directory: Path, certificates: Credentials, name: str = SERVER
) -> Iterator[tuple[CommandChannel, TlsChannel]]:
    """s_client, and our end before its handshake. `name`: whom s_client wants to talk to."""
    path = directory / "ours"
    options = [
        "-verify_quiet",
        "-verify_return_error",
        "-no_ign_eof",
        "-nocommands",
        "-verify_hostname",
        name,
        "-unix",
        str(path),
    ]
    with (
        run(UnixListener.bind(path)) as listener,
        openssl("s_client", certificates, "client", *options) as theirs,
        TlsChannel.server(run(listener.accept()), certificates.server_context()) as ours,
    ):
        yield theirs, ours


@contextlib.contextmanager
def server_for_ours(certificates: Credentials, connect: Connect) -> Iterator[tuple[CommandChannel, TlsChannel]]:
    """s_server, and our end, by way of `connect`, after its handshake."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]
    options = ["-Verify", "1", "-naccept", "1", "-accept", f"{LOOPBACK}:{port}"]
    with (
        openssl("s_server", certificates, "server", *options) as theirs,
        TlsChannel.client(connect(port), certificates.client_context(), SERVER) as ours,
    ):
        run(ours.handshake())
        yield theirs, ours


def by_socket(port: int) -> Channel:
    """A channel to s_server, once it listens."""
    connected: list[socket.socket] = []

    def connect() -> list[socket.socket]:
        with contextlib.suppress(ConnectionRefusedError):
            connected.append(socket.create_connection((LOOPBACK, port)))
        return connected

    wait_until(connect, what="s_server to listen")
    return SocketChannel(connected[0])


def by_socat(port: int) -> Channel:
    """The same by way of socat: a descriptor for each direction, and a process at both ends."""
    where = f"TCP:{LOOPBACK}:{port},retry=1000,interval=0.01"
    return CommandChannel.spawn([require_program("socat", "socat"), "-t0.05", "-", where], patience=PATIENCE)


def exchange(near: Channel, far: Channel, context: Context, other: Context) -> None:
    """A mebibyte each way at once, the readers in one context and the writers in another."""
    there, back = os.urandom(1 << 20), os.urandom(1 << 20)
    writing = [other.start(lambda: near.write_all([there])), other.start(lambda: far.write_all([back]))]
    returning = context.start(lambda: near.read_exactly(len(back)))
    assert context.run(lambda: far.read_exactly(len(there))) == there
    assert returning.result() == back
    for running in writing:
        running.result()


def test_megabytes_pass_both_ways_between_s_client_and_our_server(
    tmp_path: Path, certificates: Credentials, context: Context, other: Context
) -> None:
    with client_of_ours(tmp_path, certificates) as (theirs, ours):
        context.run(ours.handshake)
        exchange(theirs, ours, context, other)


@pytest.mark.parametrize("connect", [by_socket, by_socat])
def test_megabytes_pass_both_ways_between_s_server_and_our_client(
    certificates: Credentials, context: Context, connect: Connect
) -> None:
    require_program("socat", "socat")  # before there is a server, which would wait for us
    with server_for_ours(certificates, connect) as (theirs, ours):
        exchange(theirs, ours, context, THREAD)


def test_s_client_s_farewell_is_a_clean_end_and_it_leaves_by_itself(
    tmp_path: Path, certificates: Credentials, context: Context
) -> None:
    with client_of_ours(tmp_path, certificates) as (theirs, ours):
        context.run(ours.handshake)
        run(theirs.write_all([b"last words"]))
        assert context.run(lambda: ours.read_exactly(10)) == b"last words"
        context.run(theirs.aclose)
        assert theirs.returncode == 0
        assert context.run(lambda: ours.read_exactly_or_eof(1)) is None


def test_our_farewell_ends_s_client(tmp_path: Path, certificates: Credentials, context: Context) -> None:
    with client_of_ours(tmp_path, certificates) as (theirs, ours):
        context.run(ours.handshake)
        context.run(lambda: ours.write_all([b"last words"]))
        context.run(ours.bye)
        assert run(theirs.read_exactly(10)) == b"last words"
        assert run(theirs.read_exactly_or_eof(1)) is None
        run(theirs.aclose())
        assert theirs.returncode == 0


def test_an_s_client_that_is_killed_is_no_clean_end(
    tmp_path: Path, certificates: Credentials, context: Context
) -> None:
    with client_of_ours(tmp_path, certificates) as (theirs, ours):
        context.run(ours.handshake)
        run(theirs.write_all([b"x"]))
        assert context.run(lambda: ours.read(1)) == b"x"
        reading = context.start(lambda: ours.read(1))
        os.kill(theirs.pid, signal.SIGKILL)
        assert isinstance(reading.fault(), BrokenResourceError)
        context.run(theirs.aclose)
        assert theirs.returncode == -signal.SIGKILL


def test_an_s_client_that_wants_another_server_leaves_and_we_are_told_why(
    tmp_path: Path, certificates: Credentials, context: Context
) -> None:
    async def serve() -> None:
        await ours.handshake()
        await ours.read(1)

    with client_of_ours(tmp_path, certificates, name="another.test") as (theirs, ours):
        with pytest.raises(BrokenResourceError, match="alert"):
            context.run(serve)
        assert run(theirs.read_exactly_or_eof(1)) is None
        run(theirs.aclose())
        assert theirs.returncode == 1


def test_closing_the_command_channel_ends_a_conversation_under_way(
    tmp_path: Path, certificates: Credentials, context: Context
) -> None:
    with client_of_ours(tmp_path, certificates) as (theirs, ours):
        context.run(ours.handshake)
        reading = context.start(lambda: theirs.read(1))
        serving = context.start(lambda: ours.read(1))
        theirs.close()
        assert isinstance(reading.fault(), ClosedResourceError)
        assert serving.result() == b""
