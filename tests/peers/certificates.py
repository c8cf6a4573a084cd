"""Certificates made for the occasion, in the files and under the names that QEMU's tls-creds-x509 looks for."""

import ssl
import subprocess
from pathlib import Path

import trustme

from ..support.programs import require_program

SERVER = "server.test"
"""Whom the server's certificate names."""


class Certificates:
    """An authority with a server and a client, in `directory`. Each checks that the other is of this authority."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(directory / "ca-cert.pem"))
        self._server = self._issue("server", SERVER)
        self._client = self._issue("client", "client.test")
        self._choose_dh_group()

    def server_context(self) -> ssl.SSLContext:
        """For a server that demands a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._configure(context, self._server)

    def client_context(self) -> ssl.SSLContext:
        """For a client that has a certificate, and checks that the server is `SERVER`."""
        return self._configure(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self._client)

    def _issue(self, role: str, name: str) -> trustme.LeafCert:
        issued = self._authority.issue_cert(name)
        issued.private_key_pem.write_to_path(str(self.directory / f"{role}-key.pem"))
        for blob in issued.cert_chain_pems:
            blob.write_to_path(str(self.directory / f"{role}-cert.pem"), append=True)
        return issued

    def _choose_dh_group(self) -> None:
        # Without the file, a server of QEMU's makes a group of its own at each start, and takes up to seconds for that.
        command = [require_program("openssl", "openssl"), "genpkey", "-genparam", "-algorithm", "DH"]
        file = self.directory / "dh-params.pem"
        subprocess.run([*command, "-pkeyopt", "group:ffdhe2048", "-out", str(file)], check=True, timeout=20)

    def _configure(self, context: ssl.SSLContext, own: trustme.LeafCert) -> ssl.SSLContext:
        own.configure_cert(context)
        self._authority.configure_trust(context)
        return context
