"""Certificates made for the occasion, and the two ends of a TLS connection that trust each other by them."""

import functools
import ssl

import trustme

from prhelper.channel import Channel, TlsChannel

from .contexts import THREAD

HOST = "channel.test"


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(host: str = HOST) -> ssl.SSLContext:
    """For a server that has a certificate for `host`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(host).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """For a client that trusts the authority and checks the server's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def ends(near: Channel, far: Channel) -> tuple[TlsChannel, TlsChannel]:
    """A client over `near` and a server over `far`, before their handshake."""
    return TlsChannel.client(near, client_context(), HOST), TlsChannel.server(far, server_context())


def connected(near: Channel, far: Channel) -> tuple[TlsChannel, TlsChannel]:
    """The same after it."""
    client, server = ends(near, far)
    serving = THREAD.start(server.handshake)
    THREAD.run(client.handshake)
    serving.result()
    return client, server


@functools.cache
def certificate(host: str) -> trustme.LeafCert:
    return authority().issue_cert(host)
