"""TLS: agreeing with the peer, and what is said where that fails."""

import ssl
import time
from collections.abc import Callable

import anyio
import pytest
import trustme

from prhelper.channel import BrokenResourceError, ClosedResourceError, TlsChannel, run

from .contexts import Context, Stepper
from .kinds import Pair
from .tls_ends import HOST, client_context, ends, server_context
from .trickle import Trickle
from .watching import Waits


def test_both_ends_agree_in_any_two_contexts(inner: Pair, context: Context, other: Context) -> None:
    client, server = ends(inner.reader, inner.writer)
    with client, server:
        serving = other.start(server.handshake)
        context.run(client.handshake)
        serving.result()
        context.run(lambda: client.write_all([b"hello"]))
        assert other.run(lambda: server.read_exactly(5)) == b"hello"


@pytest.mark.slow
def test_both_ends_agree_byte_by_byte(inner: Pair, context: Context, other: Context) -> None:
    client, server = ends(Trickle(inner.reader), Trickle(inner.writer))
    with client, server:
        serving = other.start(server.handshake)
        context.run(client.handshake)
        serving.result()


def test_tls_1_2_does_as_well(inner: Pair, context: Context) -> None:
    old = client_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        TlsChannel.client(inner.reader, old, HOST) as client,
        TlsChannel.server(inner.writer, server_context()) as server,
    ):
        serving = context.start(server.handshake)
        context.run(client.handshake)
        serving.result()
        context.run(lambda: server.write_all([b"old"]))
        assert context.run(lambda: client.read_exactly(3)) == b"old"


def strangers_client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trustme.CA().configure_trust(context)
    return context


def curious_server() -> ssl.SSLContext:
    context = server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def modern_client() -> ssl.SSLContext:
    context = client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def old_server() -> ssl.SSLContext:
    context = server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


FAILURES: dict[str, tuple[Callable[[], ssl.SSLContext], Callable[[], ssl.SSLContext], str, str]] = {
    "unknown authority": (
        strangers_client,
        server_context,
        "the peer's certificate is not accepted: unable to get local issuer certificate",
        "the peer sent the alert 'unknown ca'",
    ),
    "another's name": (
        client_context,
        lambda: server_context("other.test"),
        "the peer's certificate is not accepted: Hostname mismatch, certificate is not valid for 'channel.test'",
        "the peer sent the alert 'bad certificate'",
    ),
    "no certificate": (
        client_context,
        curious_server,
        "the peer sent the alert 'certificate required'",
        "peer did not return a certificate",
    ),
    "no common version": (
        modern_client,
        old_server,
        "the peer sent the alert 'protocol version'",
        "unsupported protocol",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_handshake_that_fails_says_why_at_both_ends(inner: Pair, context: Context, case: str) -> None:
    make_client, make_server, at_client, at_server = FAILURES[case]
    client = TlsChannel.client(inner.reader, make_client(), HOST)
    server = TlsChannel.server(inner.writer, make_server())

    async def shake_hands_and_read(end: TlsChannel) -> bytes:
        await end.handshake()
        return await end.read(1)  # with TLS 1.3 a client may be refused after its own handshake

    with client, server:
        serving = context.start(lambda: shake_hands_and_read(server))
        faults = context.start(lambda: shake_hands_and_read(client)).fault(), serving.fault()
    for fault, words in zip(faults, (at_client, at_server), strict=True):
        assert isinstance(fault, BrokenResourceError)
        assert str(fault).startswith(("the TLS handshake failed: ", "TLS failed: "))
        assert words in str(fault)
        assert isinstance(fault.__cause__, ssl.SSLError)


def test_a_failed_handshake_goes_on_failing_for_the_same_reason(inner: Pair) -> None:
    client = TlsChannel.client(inner.reader, client_context(), HOST)
    inner.writer.writev([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    with client:
        for _ in range(2):
            with pytest.raises(BrokenResourceError, match=r"^the TLS handshake failed: wrong version number$"):
                run(client.handshake())


def test_a_peer_that_leaves_during_the_handshake_is_named(inner: Pair, context: Context, waits: Waits) -> None:
    with TlsChannel.server(inner.writer, server_context()) as server:
        serving = context.start(server.handshake)
        waits.next()
        inner.reader.close()
        assert (
            str(serving.fault())
            == "the TLS handshake failed: the stream was truncated: the peer left without close_notify"
        )


def test_a_peer_that_says_nothing_is_waited_for_until_the_deadline(inner: Pair, context: Context) -> None:
    with TlsChannel.server(inner.writer, server_context()) as server, pytest.raises(TimeoutError):
        context.run(lambda: server.handshake(deadline=time.monotonic() + 0.01))


def test_closing_ends_the_wait_for_the_handshake(inner: Pair, context: Context, waits: Waits) -> None:
    server = TlsChannel.server(inner.writer, server_context())
    serving = context.start(server.handshake)
    waits.next()
    server.close()
    assert isinstance(serving.fault(), ClosedResourceError)
    assert inner.writer.closed
    assert inner.reader.readv([bytearray(1)]) == 0  # no close_notify of a connection that never was


def test_closing_before_the_handshake_says_nothing(inner: Pair) -> None:
    TlsChannel.client(inner.reader, client_context(), HOST).close()
    assert inner.writer.readv([bytearray(1)]) == 0


def test_a_cancelled_handshake_may_be_taken_up_again(inner: Pair, loop: Context, context: Context) -> None:
    client, server = ends(inner.reader, inner.writer)

    async def try_in_vain() -> None:
        with anyio.move_on_after(0.01) as scope:
            await client.handshake()
        assert scope.cancelled_caught

    with client, server:
        loop.run(try_in_vain)
        serving = context.start(server.handshake)
        context.run(client.handshake)
        serving.result()


def test_nothing_is_carried_before_the_handshake(inner: Pair, context: Context) -> None:
    with TlsChannel.client(inner.reader, client_context(), HOST) as client:
        for deed in client.read(1), client.write_all([b"x"]), client.next_message():
            with pytest.raises(RuntimeError, match="handshake"):
                context.run(lambda deed=deed: deed)  # type: ignore[misc]


def test_a_client_that_checks_names_must_be_told_one(inner: Pair) -> None:
    with pytest.raises(ValueError, match="server_hostname"):
        TlsChannel.client(inner.reader, client_context())


def test_a_server_needs_no_room_for_its_session_tickets(inner: Pair, context: Context) -> None:
    clogged = Trickle(inner.writer, 1 << 16)
    client, server = ends(inner.reader, clogged)
    with client, server:
        shaking = Stepper(client.handshake())
        shaking.step()
        with pytest.raises(TimeoutError):  # it has answered, and waits for the client's last message
            run(server.handshake(deadline=time.monotonic()))
        shaking.finish()
        clogged.clogged = True
        context.run(server.handshake)
        assert server._session.unsent
        context.run(lambda: client.write_all([b"no tickets needed"]))
        assert context.run(lambda: server.read_exactly(17)) == b"no tickets needed"
