"""An NBD server that listens: for each client one context that reads and several that answer."""

import contextlib
import itertools
import threading
from collections.abc import Sequence
from pathlib import Path

from prhelper.channel import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    IncompleteRead,
    SocketChannel,
    UnixListener,
    run,
)

from ...unit.channel.contexts import TRIO, Context, Running
from .server import Session
from .server_handshake import Export, Secure, negotiate


class Server:
    """Listens on the Unix socket `path` and serves `export` until the end of the `with` statement.

    One client after another: of a client that lost its connection and came back, nothing that it asked for over the old
    one may be done after what it asks for over the new one.

    readers: where each client's requests are read, in turn: in the next one after each `move_readers`.
    answerers: where they are answered, a coroutine each.
    """

    def __init__(
        self,
        path: Path,
        export: Export,
        readers: Sequence[Context],
        answerers: Sequence[Context],
        secure: Secure | None = None,
    ) -> None:
        self._listener = run(UnixListener.bind(path))
        self._export = export
        self._readers = readers
        self._answerers = answerers
        self._secure = secure
        self._one_client = threading.Lock()
        self._guard = threading.Lock()
        self._channels: set[SocketChannel] = set()
        self._sessions: set[Session] = set()
        self._clients: list[Running[None]] = []
        self.connections = 0
        self.moves = 0

    def __enter__(self) -> "Server":
        self._accepting = TRIO.start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._accepting.result()
        self.drop_clients()
        for client in self._clients:
            client.result()

    def drop_clients(self) -> None:
        """Cut every connection off, whatever is under way there."""
        with self._guard:
            for channel in self._channels:
                with contextlib.suppress(ClosedResourceError):  # it has just ended by itself
                    channel.shutdown()

    def move_readers(self) -> None:
        """Let every client's requests be read on in the next of the readers' contexts."""
        with self._guard:
            for session in self._sessions:
                session.pause()

    async def _accept(self) -> None:
        try:
            while True:
                channel = await self._listener.accept()
                with self._guard:
                    self._channels.add(channel)
                    self.connections += 1
                self._clients.append(Running(lambda channel=channel: self._serve(channel)))  # type: ignore[misc]
        except ClosedResourceError:
            pass

    def _serve(self, channel: SocketChannel) -> None:
        try:
            with channel, self._one_client:
                self._converse(channel)
        except (BrokenResourceError, ClosedResourceError, EndOfStream, IncompleteRead):
            pass  # the client left without a word, or was dropped
        finally:
            with self._guard:
                self._channels.discard(channel)

    def _converse(self, channel: SocketChannel) -> None:
        agreement = self._readers[0].run(lambda: negotiate(channel, self._export, self._secure))
        if agreement is None:
            return
        with Session(agreement, self._export, len(self._answerers)) as session:
            answering = [
                context.start(lambda number=number: session.answer_requests(number))  # type: ignore[misc]
                for number, context in enumerate(self._answerers)
            ]
            try:
                self._read_to_the_end(session)
            finally:
                for running in answering:
                    running.result()

    def _read_to_the_end(self, session: Session) -> None:
        with self._guard:
            self._sessions.add(session)
        try:
            for reader in itertools.cycle(self._readers):
                if reader.run(session.read_requests):
                    break
                session.resume()
                self.moves += 1
        finally:
            with self._guard:
                self._sessions.discard(session)
