"""QEMU's NBD programs as a test starts them: qemu-nbd serves, qemu-io and qemu-img are clients."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...support.helper import is_listening, wait_until
from ...support.programs import require_program

PACKAGE = "qemu-utils"
LONGEST = 50.0
"""Seconds that a program may take for what should take one."""


@contextlib.contextmanager
def qemu_nbd(image: Path, options: Sequence[str] = ()) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A qemu-nbd that serves the raw `image` to any number of clients: its process and its socket."""
    path = image.with_suffix(".nbd")
    command = [
        require_program("qemu-nbd", PACKAGE),
        "--socket",
        str(path),
        "--format=raw",
        "--persistent",
        "--shared=0",
    ]
    process = subprocess.Popen([*command, "--discard=unmap", *options, str(image)], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_listening(path) or process.poll() is not None, what="qemu-nbd to listen")
        assert process.poll() is None, f"qemu-nbd ended with status {process.returncode}"
        yield process, path
    finally:
        process.terminate()
        process.wait(LONGEST)


def qemu_io(*commands: str, options: Sequence[str]) -> str:
    """Run these commands of qemu-io one after another: what it prints. Fails if one does, or a pattern differs."""
    program = [require_program("qemu-io", PACKAGE), *options]
    for command in commands:
        program += ["-c", command]
    output = _run(program)
    assert "failed" not in output, output
    return output


def qemu_img(*arguments: str) -> str:
    """Run qemu-img: what it prints. Fails if it does."""
    return _run([require_program("qemu-img", PACKAGE), *arguments])


def _run(command: Sequence[str]) -> str:
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST
    )
    assert ended.returncode == 0, f"{command} ended with status {ended.returncode}:\n{ended.stdout}"
    return ended.stdout
