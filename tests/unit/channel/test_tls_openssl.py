"""TLS with `openssl s_server` and `s_client`: keys renewed in mid-stream, old versions, clean ends and others."""

from pathlib import Path

import pytest

from prhelper.channel import BrokenResourceError, TlsChannel, UnixListener, connect_tcp, run

from .contexts import Context
from .openssl import KEY_UPDATE_RECEIVED, KEY_UPDATE_SENT, s_client, s_server
from .tls_ends import HOST, client_context, server_context

VERSIONS = ("-tls1_2", "-tls1_3")

pytestmark = pytest.mark.slow


async def connected_to(port: int) -> TlsChannel:
    channel = TlsChannel.client(await connect_tcp("127.0.0.1", port), client_context(), HOST)
    await channel.handshake()
    return channel


async def accepted_from(listener: UnixListener) -> TlsChannel:
    channel = TlsChannel.server(await listener.accept(), server_context())
    await channel.handshake()
    return channel


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_of_s_server(tmp_path: Path, context: Context, version: str) -> None:
    with s_server(tmp_path, version) as (server, port), context.run(lambda: connected_to(port)) as channel:
        context.run(lambda: channel.write_all([b"from us\n"]))
        server.wait_for(b"from us\n")
        server.type(b"from s_server\n")
        assert context.run(lambda: channel.read_exactly(14)) == b"from s_server\n"
        server.type(b"Q\n")  # it leaves without a word
        with pytest.raises(BrokenResourceError, match="truncated"):
            context.run(lambda: channel.read(1))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_of_s_server_to_its_clean_end(tmp_path: Path, context: Context, version: str) -> None:
    async def get() -> bytes:
        page = b""
        await channel.write_all([b"GET / HTTP/1.0\r\n\r\n"])
        while data := await channel.read(1000):
            page += data
        return page

    with s_server(tmp_path, version, "-www") as (_, port), context.run(lambda: connected_to(port)) as channel:
        assert context.run(get).endswith(b"</HTML>\r\n\r\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_for_s_client(tmp_path: Path, context: Context, version: str) -> None:
    path = tmp_path / "listener"
    with run(UnixListener.bind(path)) as listener, s_client(tmp_path, path, version) as client:
        with context.run(lambda: accepted_from(listener)) as channel:
            client.wait_for(b"Verify return code: 0 (ok)")
            client.type(b"from s_client\n")
            assert context.run(lambda: channel.read_exactly(14)) == b"from s_client\n"
            context.run(lambda: channel.write_all([b"from us\n"]))
            client.wait_for(b"from us\n")
        assert b"closed" in client.end()  # by close_notify: it would have named anything else an error
        assert b"error" not in client.output


def test_a_client_that_says_goodbye_and_one_that_is_killed(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "listener"
    with run(UnixListener.bind(path)) as listener:
        with s_client(tmp_path, path) as client, context.run(lambda: accepted_from(listener)) as channel:
            client.wait_for(b"Verify return code: 0 (ok)")
            client.type(b"Q\n")
            assert context.run(lambda: channel.read(1)) == b""
        with s_client(tmp_path, path) as client, context.run(lambda: accepted_from(listener)) as channel:
            client.kill()
            with pytest.raises(BrokenResourceError):
                context.run(lambda: channel.read_exactly(1))


@pytest.mark.parametrize("command", [b"k\n", b"K\n"], ids=["one side's keys", "both sides' keys"])
def test_keys_that_s_server_renews(tmp_path: Path, context: Context, command: bytes) -> None:
    with s_server(tmp_path, "-tls1_3") as (server, port), context.run(lambda: connected_to(port)) as channel:
        for number in range(1, 4):
            server.type(command)
            server.wait_until(lambda output, number=number: output.count(KEY_UPDATE_SENT) == number)  # type: ignore[misc]
            server.type(b"new keys\n")
            assert context.run(lambda: channel.read_exactly(9)) == b"new keys\n"
            context.run(lambda number=number: channel.write_all([b"answer %d\n" % number]))  # type: ignore[misc]
            server.wait_for(b"answer %d\n" % number)
        assert server.output.count(KEY_UPDATE_RECEIVED) == (3 if command == b"K\n" else 0)


def test_keys_that_s_client_renews_while_megabytes_flow_the_other_way(
    tmp_path: Path, context: Context, other: Context
) -> None:
    path, size, updates = tmp_path / "listener", 3 << 20, 12
    with (
        run(UnixListener.bind(path)) as listener,
        s_client(tmp_path, path, "-tls1_3", "-msg") as client,
        context.run(lambda: accepted_from(listener)) as channel,
    ):
        writing = context.start(lambda: channel.write_all([b"\x01" * size]))
        for number in range(1, updates + 1):
            client.type(b"K\n")
            client.wait_until(lambda output, number=number: output.count(KEY_UPDATE_SENT) == number)  # type: ignore[misc]
            client.type(b"new keys\n")
            assert other.run(lambda: channel.read_exactly(9)) == b"new keys\n"
        writing.result()
        run(channel.write_all([b"last\n"]))
        client.wait_for(b"last\n")
    assert client.output.count(b"\x01") == size
    assert client.output.count(KEY_UPDATE_RECEIVED) > 0


def test_s_server_that_wants_to_renegotiate_is_refused(tmp_path: Path, context: Context) -> None:
    with s_server(tmp_path, "-tls1_2") as (server, port), context.run(lambda: connected_to(port)) as channel:
        server.wait_for(b"CIPHER is")
        server.type(b"r\n")
        with pytest.raises(BrokenResourceError, match="the alert 'handshake failure'"):  # it insists, and gives up
            context.run(lambda: channel.read(1))
        server.wait_for(b"<<< TLS 1.2, Alert [length 0002], warning no_renegotiation")


def test_a_name_that_the_servers_certificate_does_not_have_is_refused(tmp_path: Path, context: Context) -> None:
    with s_server(tmp_path) as (server, port), run(connect_tcp("127.0.0.1", port)) as inner:
        channel = TlsChannel.client(inner, client_context(), "somebody.test")
        with channel, pytest.raises(BrokenResourceError, match=r"certificate is not valid for 'somebody.test'"):
            context.run(channel.handshake)
        server.wait_for(b"<<< TLS 1.3, Alert [length 0002], fatal bad_certificate")
