"""Credentials made for the occasion, in files that QEMU's tls-creds objects and the channel's contexts both read."""

import secrets
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trustme

from prhelper.channel import psk_client, psk_server, x509_client, x509_server

from ..support.programs import require_program

SERVER = "server.test"
"""Whom the server's certificate names."""


@dataclass(frozen=True)
class Credentials:
    """A server's and a client's, in `directory`, which prove each to the other. `kind`: QEMU's name for the sort."""

    kind: str
    directory: Path
    make_server_context: Callable[[Path], ssl.SSLContext]
    make_client_context: Callable[[Path], ssl.SSLContext]

    def server_context(self) -> ssl.SSLContext:
        """For a server that demands a proof."""
        return self.make_server_context(self.directory)

    def client_context(self) -> ssl.SSLContext:
        """For a client that can give one, and demands one of `SERVER`."""
        return self.make_client_context(self.directory)


def make_certificates(directory: Path) -> Credentials:
    """An authority, and certificates by it for a server and a client."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca-cert.pem"))
    for role, name in ("server", SERVER), ("client", "client.test"):
        issued = authority.issue_cert(name)
        issued.private_key_pem.write_to_path(str(directory / f"{role}-key.pem"))
        for blob in issued.cert_chain_pems:
            blob.write_to_path(str(directory / f"{role}-cert.pem"), append=True)
    _choose_dh_group(directory)
    return Credentials("tls-creds-x509", directory, x509_server, x509_client)


def make_preshared_key(directory: Path) -> Credentials:
    """A key that both have, under the identity that QEMU's client has unless told otherwise."""
    (directory / "keys.psk").write_text(f"qemu:{secrets.token_hex(32)}\n")
    _choose_dh_group(directory)
    return Credentials("tls-creds-psk", directory, psk_server, psk_client)


def _choose_dh_group(directory: Path) -> None:
    # Without the file, a server of QEMU's makes a group of its own at each start, and takes up to seconds for that.
    command = [require_program("openssl", "openssl"), "genpkey", "-genparam", "-algorithm", "DH"]
    file = directory / "dh-params.pem"
    subprocess.run([*command, "-pkeyopt", "group:ffdhe2048", "-out", str(file)], check=True, timeout=20)
