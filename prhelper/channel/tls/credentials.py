"""Who one is, and whom one trusts, from the directories that QEMU reads too (QEMU: tls-creds-x509, tls-creds-psk).

What comes out is an ordinary ssl.SSLContext: any other will do for a `TlsChannel` just as well.

**Pre-shared keys stop at TLS 1.2.** In TLS 1.3 a client that offers a key, and checks no certificate, would accept any
server at all that shows any certificate instead. Before it, the cipher suites themselves demand the key, and an
ephemeral exchange keeps what was sent secret even if the key is lost later.
"""

import io
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

_PSK_SUITES = "kECDHEPSK"


def x509_server(directory: str | Path, verify_peer: bool = True) -> ssl.SSLContext:
    """A server's certificates: `server-cert.pem` and `server-key.pem`; `ca-cert.pem` says which clients it trusts.

    verify_peer: refuse clients that have no certificate of that authority, or, where there is a `ca-crl.pem`, one that
    it lists as revoked.

    Raises OSError if a file cannot be read, ssl.SSLError if it makes no sense.
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
    context.num_tickets = 0  # nobody resumes a session
    return context


def x509_client(directory: str | Path) -> ssl.SSLContext:
    """A client's certificates: `ca-cert.pem` says which servers it trusts.

    `client-cert.pem` and `client-key.pem` are there if the server wants to see a certificate too. Raises as
    `x509_server` does.
    """
    directory = Path(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(directory / "ca-cert.pem")
    if (certificate := directory / "client-cert.pem").exists():
        context.load_cert_chain(certificate, directory / "client-key.pem")
    return context


def psk_server(directory: str | Path) -> ssl.SSLContext:
    """A server that knows its clients by the keys in `keys.psk`: lines of identity:key, the key hexadecimal.

    Raises io.UnsupportedOperation before Python 3.13, ValueError if a line makes no sense.
    """
    keys = _read_keys(Path(directory) / "keys.psk")
    context = _psk_context(ssl.PROTOCOL_TLS_SERVER)
    if sys.version_info >= (3, 13):
        context.set_psk_server_callback(lambda identity: keys.get(identity or "", b""))
    return context


def psk_client(directory: str | Path, identity: str = "qemu") -> ssl.SSLContext:
    """A client that shows that it has the key of `identity` in `keys.psk`, and trusts whoever has it too.

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
