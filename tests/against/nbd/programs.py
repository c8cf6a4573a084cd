"""QEMU's NBD programs as a test starts them: qemu-nbd serves, qemu-io and qemu-img are clients."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from ...support.helper import is_listening, wait_until
from ...support.programs import require_program

PACKAGE = "qemu-utils"
LONGEST = 50.0
"""Seconds that a program may take for what should take one."""

_PROMPT = b"qemu-io> "


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
        process.kill()
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


class QemuIo:
    """A qemu-io that is told what to do while it runs. A context manager: leaving it ends what is still there."""

    def __init__(self, options: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [require_program("qemu-io", PACKAGE), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._said = ""

    def __enter__(self) -> Self:
        self._until_prompt()
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    def command(self, command: str) -> None:
        """Give a command and wait until it was carried out, or begun if it is an asynchronous one."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        self._until_prompt()

    def end(self) -> str:
        """End it: all that it ever had to say, prompts left out. Fails if it ended badly."""
        rest, _ = self._process.communicate(timeout=LONGEST)
        said = self._said + rest.decode()
        assert self._process.returncode == 0, f"qemu-io ended with status {self._process.returncode}: {said}"
        return said

    def _until_prompt(self) -> None:
        assert self._process.stdout is not None
        heard = b""
        while not heard.endswith(_PROMPT):
            byte = self._process.stdout.read(1)
            assert byte, f"qemu-io ended: {self._said}{heard.decode()}"
            heard += byte
        self._said += heard.removesuffix(_PROMPT).decode()
