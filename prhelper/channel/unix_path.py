"""A listener with a socket file."""

import contextlib
from pathlib import Path
from typing import Self

from .context import pause
from .listener import SocketListener
from .socket_file import SocketFile, lock


class UnixListener(SocketListener):
    """A listener with a socket file, which it removes when it closes, unless the file has been replaced.

    Make one by `bind`, or of a SocketFile, whose socket it then owns.

    path: the file.
    """

    @classmethod
    async def bind(cls, path: str | Path, mode: int = 0o600, backlog: int = 128) -> Self:
        """As `socket_file.listen_at`, but waits in the current context."""
        path = Path(path)
        with contextlib.ExitStack() as held:
            for seconds in lock(path.parent, held):
                await pause(seconds)
            return cls(SocketFile(path, mode, backlog))

    def __init__(self, file: SocketFile) -> None:
        super().__init__(file.socket)
        self._file = file
        self.path = file.path

    def remove_file(self) -> None:
        """Remove the socket file if it is still the one created here. Later calls do nothing.

        Raises PermissionError where that is not allowed.
        """
        self._file.remove()

    def _dispose(self) -> None:
        with contextlib.suppress(OSError):
            self.remove_file()
        super()._dispose()
