"""TLS: directories of certificates and of pre-shared keys, as QEMU has them."""

import contextlib
import datetime
import io
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from prhelper.channel import (
    BrokenResourceError,
    TlsChannel,
    UnixListener,
    connect_tcp,
    psk_client,
    psk_server,
    run,
    x509_client,
    x509_server,
)

from .contexts import Context
from .kinds import Pair
from .openssl import listening, openssl
from .tls_ends import HOST, authority

needs_psk = pytest.mark.skipif(sys.version_info < (3, 13), reason="ssl has pre-shared keys since Python 3.13")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """All that there can be in a directory of certificates."""
    authority().cert_pem.write_to_path(str(tmp_path / "ca-cert.pem"))
    for name in "server", "client":
        leaf = authority().issue_cert(HOST)
        leaf.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}-cert.pem"))
        leaf.private_key_pem.write_to_path(str(tmp_path / f"{name}-key.pem"))
    (tmp_path / "keys.psk").write_text("# identities\n\nother:0102\nqemu:00112233445566778899aabbccddeeff\n")
    return tmp_path


def talk(inner: Pair, client: ssl.SSLContext, server: ssl.SSLContext, context: Context) -> None:
    """Shake hands, and exchange a word each way."""
    near = TlsChannel.client(inner.reader, client, HOST)
    far = TlsChannel.server(inner.writer, server)

    async def serve() -> None:
        await far.handshake()
        assert await far.read_exactly(4) == b"ping"
        await far.write_all([b"pong"])

    async def ask() -> None:
        await near.handshake()
        await near.write_all([b"ping"])
        assert await near.read_exactly(4) == b"pong"

    with near, far:
        serving = context.start(serve)
        try:
            context.run(ask)
        except BaseException:
            near.close()
            serving.fault()
            raise
        serving.result()


@pytest.mark.parametrize("as_given", [Path, str])
def test_certificates_on_both_sides(
    inner: Pair, directory: Path, context: Context, as_given: Callable[[Path], str | Path]
) -> None:
    talk(inner, x509_client(as_given(directory)), x509_server(as_given(directory)), context)


def test_a_client_without_certificate_is_refused(inner: Pair, directory: Path, context: Context) -> None:
    (directory / "client-cert.pem").unlink()
    with pytest.raises(BrokenResourceError, match="the alert 'certificate required'"):
        talk(inner, x509_client(directory), x509_server(directory), context)


def test_a_client_without_certificate_will_do_where_none_is_asked_for(
    inner: Pair, directory: Path, context: Context
) -> None:
    (directory / "client-cert.pem").unlink()
    server = x509_server(directory, verify_peer=False)
    talk(inner, x509_client(directory), server, context)


@pytest.mark.parametrize("revoked", [False, True])
def test_a_client_whose_certificate_is_revoked_is_refused(
    inner: Pair, directory: Path, context: Context, revoked: bool
) -> None:
    of_client = x509.load_pem_x509_certificate((directory / "client-cert.pem").read_bytes())
    serial = of_client.serial_number if revoked else of_client.serial_number + 1
    (directory / "ca-crl.pem").write_bytes(revocation_list(serial))
    client, server = x509_client(directory), x509_server(directory)
    with pytest.raises(BrokenResourceError, match="certificate revoked") if revoked else contextlib.nullcontext():
        talk(inner, client, server, context)


def revocation_list(serial: int) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.load_pem_x509_certificate(authority().cert_pem.bytes()).subject
    one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
    listed = x509.CertificateRevocationListBuilder().issuer_name(issuer).add_revoked_certificate(one)
    valid = listed.last_update(now).next_update(now + datetime.timedelta(days=1))
    key = serialization.load_pem_private_key(authority().private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return valid.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("name", ["ca-cert.pem", "server-cert.pem", "server-key.pem"])
def test_a_missing_file_is_an_error_at_once(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(FileNotFoundError):
        x509_server(directory)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="ssl has pre-shared keys here")
def test_pre_shared_keys_are_refused_clearly_where_python_has_none(directory: Path) -> None:
    for make in psk_server, psk_client:
        with pytest.raises(io.UnsupportedOperation, match=r"needs Python 3\.13"):
            make(directory)


@needs_psk
def test_pre_shared_keys_are_refused_clearly_where_openssl_has_none(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "HAS_PSK", False)
    with pytest.raises(io.UnsupportedOperation, match="not built into OpenSSL"):
        psk_server(directory)


@pytest.mark.parametrize("line", ["qemu:no hex", "no colon"])
def test_a_key_that_makes_no_sense_is_named(directory: Path, line: str) -> None:
    with (directory / "keys.psk").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"keys\.psk, line 5: expected identity:key"):
        psk_server(directory)


def test_an_identity_without_key_is_named(directory: Path) -> None:
    with pytest.raises(KeyError, match="nobody"):
        psk_client(directory, "nobody")


@needs_psk
@pytest.mark.parametrize("identity", ["qemu", "other"])
def test_pre_shared_keys_on_both_sides(inner: Pair, directory: Path, context: Context, identity: str) -> None:
    client = psk_client(directory, identity)
    talk(inner, client, psk_server(directory), context)


@needs_psk
@pytest.mark.parametrize("keys", ["qemu:ffff", "another:00112233445566778899aabbccddeeff"], ids=["key", "identity"])
def test_a_wrong_key_or_identity_is_refused(inner: Pair, directory: Path, context: Context, keys: str) -> None:
    server = psk_server(directory)
    (directory / "keys.psk").write_text(keys)
    client = psk_client(directory, keys.partition(":")[0])
    with pytest.raises(BrokenResourceError, match="the TLS handshake failed: the peer sent the alert"):
        talk(inner, client, server, context)


@needs_psk
def test_a_server_that_has_a_certificate_and_no_key_is_refused(inner: Pair, directory: Path, context: Context) -> None:
    client = psk_client(directory)
    with pytest.raises(BrokenResourceError, match="the TLS handshake failed"):
        talk(inner, client, x509_server(directory, verify_peer=False), context)


KEY = "00112233445566778899aabbccddeeff"


@needs_psk
def test_pre_shared_keys_with_s_server(directory: Path, context: Context) -> None:
    async def ask(port: int) -> bytes:
        inner = await connect_tcp("127.0.0.1", port)
        with TlsChannel.client(inner, psk_client(directory)) as channel:
            await channel.handshake()
            await channel.write_all([b"from us\n"])
            server.wait_for(b"from us\n")
            server.type(b"from s_server\n")
            return await channel.read_exactly(14)

    with listening("-nocert", "-psk_identity", "qemu", "-psk", KEY) as (server, port):
        assert context.run(lambda: ask(port)) == b"from s_server\n"


@needs_psk
def test_pre_shared_keys_with_s_client(directory: Path, context: Context) -> None:
    async def serve() -> bytes:
        with TlsChannel.server(await listener.accept(), psk_server(directory)) as channel:
            await channel.handshake()
            await channel.write_all([b"from us\n"])
            client.wait_for(b"from us\n")
            client.type(b"from s_client\n")
            return await channel.read_exactly(14)

    path = directory / "listener"
    with (
        run(UnixListener.bind(path)) as listener,
        openssl("s_client", "-unix", path, "-psk_identity", "qemu", "-psk", KEY) as client,
    ):
        assert context.run(serve) == b"from s_client\n"
