"""The daemon's side of the control socket, as a test scripts it: written apart from prhelper.control."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

INTERFACE = "io.prhelper.Control"


class Daemon:
    """Answers each call with what `answers` has for its method, until it is closed. A context manager.

    answers: by method, the messages to send, without their zeros; bytes are sent as they are. None hangs up.
    """

    def __init__(self, path: Path, answers: dict[str, list[Any]]) -> None:
        self.path = path
        self.calls: list[dict[str, Any]] = []
        self._answers = answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve_one(connection)

    def _serve_one(self, connection: socket.socket) -> None:
        data = b""
        while more := connection.recv(4096):
            data += more
            while b"\0" in data:
                message, _, data = data.partition(b"\0")
                call = json.loads(message)
                self.calls.append(call)
                for answer in self._answers[call["method"].removeprefix(f"{INTERFACE}.")]:
                    if answer is None:
                        return
                    connection.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\0")

    def __enter__(self) -> "Daemon":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def registered(number: str, key: str, comm: str = "qemu", machine: str | None = None, **more: Any) -> dict[str, Any]:
    """A SeenDevice on which one process has registered."""
    process = {"pid": 4711, "uid": 107, "comm": comm, "unit": "", "machine_name": machine, "machine_name_from": None}
    registration = {"at": 1, "client": 1, "process": process, "key": key, "connected": True, **more}
    device = {"kind": "block", "number": number, "name": "sdx", "wwid": None, "map": None}
    return {"device": device, "registrations": [registration]}
