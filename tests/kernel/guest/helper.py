"""The helper under test, running in the guest.

The helper gets its listening socket by socket activation: it is bound before the process exists, so a client may
connect at once, and nobody has to wait for anything.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = shlex.split(os.environ.get("GUEST_HELPER", ""))

LISTEN_PID_IS_MINE = ("/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh")


@contextmanager
def running(
    path: Path, *options: str, under: Sequence[str] = (), stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the helper on the socket `path` with these options, by way of the program `under` if given."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        process = subprocess.Popen(
            [*under, *LISTEN_PID_IS_MINE, *COMMAND, *options],
            env={**os.environ, "LISTEN_FDS": "1"},
            preexec_fn=lambda: os.dup2(listener.fileno(), 3),
            close_fds=False,
            stderr=stderr,
        )
    try:
        yield process
        process.terminate()
        process.wait()
    finally:
        with process:  # reaps it and closes the pipe
            process.kill()
        path.unlink(missing_ok=True)


def option(name: str, value: str) -> tuple[str, str]:
    """An option that QEMU's own helper, should that be the one under test, does not have."""
    if "qemu" in COMMAND[0]:
        pytest.skip(f"{COMMAND[0]} has no {name}")
    return name, value


def let_everybody_run_it() -> None:
    """Open the way to the interpreter and the repository, which may lie in somebody's home directory."""
    for place in (Path(sys.executable).resolve(), Path(__file__)):
        for folder in place.parents:
            mode = folder.stat().st_mode
            if mode | 0o011 != mode:  # where the root directory is another than the host's, it may be read-only
                folder.chmod(mode | 0o011)
