"""System calls in the hands of a test: a preloaded library (hold.c) holds one up, or lets one fail.

hold = Hold(library, tmp_path)
with Helper(tmp_path, env=hold.env):
    with hold.next("epoll_ctl_mod"):     # the next one waits until the block is left
        ...
        hold.wait("epoll_ctl_mod")       # one does wait now
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .helper import wait_until
from .programs import compile_library


def build(directory: Path) -> Path:
    """Compile the library."""
    return compile_library(Path(__file__).with_suffix(".c"), directory)


class Hold:
    """The calls of one process, which must be started with `env`. Names of calls are those in hold.c.

    preload: a library that is preloaded along with it.
    """

    def __init__(self, library: Path, directory: Path, preload: Path | None = None) -> None:
        self._directory = directory / "hold"
        self._directory.mkdir()
        libraries = [str(library), *([str(preload)] if preload else [])]
        self.env = {"LD_PRELOAD": ":".join(libraries), "HOLD_DIRECTORY": str(self._directory)}

    @contextlib.contextmanager
    def next(self, call: str) -> Iterator[None]:
        """The next call waits before it is made, until the block is left."""
        self._arm(call, "")
        try:
            yield
        finally:
            (self._directory / call).unlink(missing_ok=True)
            self._held(call).unlink(missing_ok=True)

    def next_but_one(self, call: str) -> None:
        """Let the call that is held up go on, and hold up the one that follows it, inside a block of `next`."""
        (self._directory / call).write_text("")
        self._held(call).unlink()

    def fail(self, call: str, error: int) -> None:
        """The next call fails with this errno."""
        self._arm(call, str(error))

    def wait(self, call: str) -> None:
        """Wait until a call is held up, or has failed."""
        wait_until(lambda: self.holds(call), what=f"a call of {call}")

    def holds(self, call: str) -> bool:
        """Whether a call is held up, or has failed."""
        return self._held(call).exists()

    def _arm(self, call: str, content: str) -> None:
        self._held(call).unlink(missing_ok=True)
        new = self._directory / f"{call}.new"
        new.write_text(content)
        os.replace(new, self._directory / call)  # noqa: PTH105

    def _held(self, call: str) -> Path:
        return self._directory / f"{call}.held"
