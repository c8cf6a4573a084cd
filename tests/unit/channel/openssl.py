"""`openssl s_server` and `s_client` at the other end: TLS that nobody here wrote.

Both pass on what comes on their standard input, and write what comes from the peer to their standard output. With
`-msg` they name each protocol message there too: `<<<` those that they received, `>>>` those that they sent.
"""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...support.programs import require_program
from .contexts import PATIENCE
from .tls_ends import HOST, authority, certificate

LISTENS = re.compile(rb"ACCEPT 127\.0\.0\.1:(\d+)\n")
KEY_UPDATE_RECEIVED = b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate"
KEY_UPDATE_SENT = b">>> TLS 1.3, Handshake [length 0005], KeyUpdate"


class OpenSsl:
    """One of them at work."""

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            ["openssl", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._more = threading.Condition()
        self._ended = False
        self.output = b""
        self._collecting = threading.Thread(target=self._collect)
        self._collecting.start()

    def type(self, text: bytes) -> None:
        """Write to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def wait_until(self, seen: Callable[[bytes], bool]) -> None:
        """Wait until its output so far is as it should be."""
        with self._more:
            assert self._more.wait_for(lambda: seen(self.output) or self._ended, PATIENCE), self.output[-2000:]
        assert seen(self.output), self.output[-2000:]

    def wait_for(self, text: bytes) -> None:
        """Wait until its output contains `text`."""
        self.wait_until(lambda output: text in output)

    def end(self) -> bytes:
        """Wait until it has ended by itself: its whole output."""
        self._process.wait(PATIENCE)
        self._collecting.join(PATIENCE)
        return self.output

    def kill(self) -> None:
        """End it without a word to the peer."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._collecting.join(PATIENCE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        with suppress(BrokenPipeError):  # something that it never read
            self._process.stdin.close()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        while data := self._process.stdout.read1(65536):  # type: ignore[attr-defined]
            with self._more:
                self.output += data
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()


@contextmanager
def openssl(*arguments: str | Path) -> Iterator[OpenSsl]:
    """Start it, and kill it at the end if it is still there."""
    require_program("openssl", "openssl")
    process = OpenSsl([str(argument) for argument in arguments])
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def listening(*options: str | Path) -> Iterator[tuple[OpenSsl, int]]:
    """`openssl s_server`, and the port of the loopback interface that it listens on."""
    with openssl("s_server", "-accept", "127.0.0.1:0", *options) as process:
        process.wait_until(lambda output: LISTENS.search(output) is not None)
        yield process, int(LISTENS.findall(process.output)[0])


@contextmanager
def s_server(directory: Path, *options: str) -> Iterator[tuple[OpenSsl, int]]:
    """The same with a certificate for HOST, and with `-msg`."""
    pem = directory / "server.pem"
    certificate(HOST).private_key_and_cert_chain_pem.write_to_path(str(pem))
    with listening("-cert", pem, "-msg", *options) as both:
        yield both


@contextmanager
def s_client(directory: Path, server: Path, *options: str) -> Iterator[OpenSsl]:
    """`openssl s_client`, connecting to the Unix socket at `server`, where it expects HOST."""
    trusted = directory / "ca.pem"
    authority().cert_pem.write_to_path(str(trusted))
    checks = ("-CAfile", trusted, "-verify_return_error", "-verify_hostname", HOST)
    with openssl("s_client", "-unix", server, *checks, *options) as process:
        yield process
