"""TLS credentials from directories in QEMU's format (QEMU: tls-creds-x509, tls-creds-psk).

The result is an ordinary ssl.SSLContext; a `TlsChannel` takes any other just as well.

**Pre-shared keys stop at TLS 1.2.** In TLS 1.3 a client that offers a key, and checks no certificate, would accept any
server that presents any certificate instead. In TLS 1.2 the cipher suites themselves require the key, and an ephemeral
key exchange keeps the traffic secret even if the key is lost later.
"""

import io
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

_PSK_SUITES = "kECDHEPSK"


def x509_server(directory: str | Path, verify_peer: bool = True) -> ssl.SSLContext:
    """A server's certificate, `server-cert.pem` with `server-key.pem`, and its clients' authority, `ca-cert.pem`.

    verify_peer: refuse clients without a certificate from that authority, or, if there is a `ca-crl.pem`, with a
        revoked one.

    Raises OSError if a file cannot be read, ssl.SSLError if it is malformed.
    """
    directory = Path(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server-cert.pem", directory / "server-key.pem")
    if verify_peer:
        context.load_verify_locations(directory / "ca-cert.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        if (revoked := directory / "ca-crl.pem").exists():
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.num_tickets = 0  # sessions are not resumed
    return context


def x509_client(directory: str | Path) -> ssl.SSLContext:
    """The authority that a client trusts, `ca-cert.pem`.

    `client-cert.pem` and `client-key.pem`, if they exist, are its own certificate, for a server that asks for one.
    Raises as `x509_server` does.
    """
    directory = Path(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(directory / "ca-cert.pem")
    if (certificate := directory / "client-cert.pem").exists():
        context.load_cert_chain(certificate, directory / "client-key.pem")
    return context


def psk_server(directory: str | Path) -> ssl.SSLContext:
    """A server that accepts clients with a key from `keys.psk`: lines of identity:key, the key in hexadecimal.

    Raises io.UnsupportedOperation before Python 3.13, ValueError if a line is malformed.
    """
    keys = _read_keys(Path(directory) / "keys.psk")
    context = _psk_context(ssl.PROTOCOL_TLS_SERVER)
    if sys.version_info >= (3, 13):
        context.set_psk_server_callback(lambda identity: keys.get(identity or "", b""))
    return context


def psk_client(directory: str | Path, identity: str = "qemu") -> ssl.SSLContext:
    """A client with the key of `identity` from `keys.psk`, which trusts a server that has the same key.

    Raises as `psk_server` does, and KeyError if there is no such identity.
    """
    key = _read_keys(Path(directory) / "keys.psk")[identity]
    context = _psk_context(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):
        context.set_psk_client_callback(lambda hint: (identity, key))  # noqa: ARG005
    return context


def _psk_context(protocol: int) -> ssl.SSLContext:
    if sys.version_info < (3, 13):
        raise io.UnsupportedOperation("TLS with pre-shared keys needs Python 3.13 or newer")
    if not ssl.HAS_PSK:
        raise io.UnsupportedOperation(f"TLS with pre-shared keys is not built into {ssl.OPENSSL_VERSION}")
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the key itself is the proof
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_PSK_SUITES)
    return context


def _read_keys(path: Path) -> Mapping[str, bytes]:
    keys = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        identity, _, key = line.rpartition(":")
        try:
            keys[identity] = bytes.fromhex(key)
        except ValueError:
            raise ValueError(f"{path}, line {number}: expected identity:key, the key hexadecimal") from None
    return keys
