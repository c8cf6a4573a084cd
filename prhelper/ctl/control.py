"""Calls to a daemon's control socket, by Varlink: messages of JSON, each ended by a zero byte (varlink.org).

What is answered is what `io.prhelper.Control.varlink` says.
"""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .exits import Exit, ToolError

DEFAULT_CONTROL = Path("/run/prhelper/control")
PATIENCE = 10.0
"""Seconds for an answer: the daemon's main thread gives it, which waits for no disk."""

_LEAST = 1e-3  # seconds: none at all would mean not to wait

_INTERFACE = "io.prhelper.Control"
_MAX_MESSAGE = 64 << 20
_HUNG_UP = "it hung up: it has ended, or was restarted, or has as many connections as it takes, as its log says then"


class ControlError(ToolError):
    """The daemon refused. name: of the error, without the interface. parameters: what it says with it."""

    def __init__(self, name: str, parameters: dict[str, Any]) -> None:
        said = ", ".join(f"{key} {value}" for key, value in parameters.items())
        super().__init__(Exit.OTHER, f"the daemon answers {name}" + (f" ({said})" if said else ""))
        self.name, self.parameters = name, parameters


class _Told(dict[str, Any]):
    """What a daemon tells. What it does not tell raises ToolError: it may be of another version."""

    def __init__(self, content: dict[str, Any], by: Path) -> None:
        super().__init__(content)
        self._by = by

    def __missing__(self, name: str) -> Any:
        text = f"the daemon at {self._by} does not say '{name}': it is of another version, or no prhelper; restart it"
        raise ToolError(Exit.UNREACHABLE, text)


class Control:
    """A connection; a context manager. Raises ToolError if there is no daemon, or it answers with rubbish."""

    def __init__(self, path: Path, patience: float | None = PATIENCE) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience)
        self._received = b""
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise ToolError(Exit.UNREACHABLE, _no_control(path, error)) from error

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call, one answer. Raises ControlError."""
        self._send({"method": f"{_INTERFACE}.{method}", "parameters": parameters})
        return self._answer()[0]

    def stream(self, method: str) -> Iterator[dict[str, Any]]:
        """One call, and answers until the daemon ends them; each may be as long in coming as it likes."""
        self._send({"method": f"{_INTERFACE}.{method}", "parameters": {}, "more": True})
        self._socket.settimeout(None)
        continues = True
        while continues:
            answer, continues = self._answer()
            yield answer

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise self._broken(error.strerror or str(error)) from error

    def _answer(self) -> tuple[dict[str, Any], bool]:
        try:
            message = json.loads(self._receive(), object_hook=self._told)
            parameters, error = message.get("parameters") or {}, message.get("error")
            if not isinstance(parameters, dict):
                raise ValueError("its parameters have no names")
        except OSError as failed:
            raise self._broken(failed.strerror or "it does not answer") from failed
        except (ValueError, AttributeError, RecursionError) as failed:
            raise self._broken(f"its answer is no message, so that is no control socket: {failed}") from failed
        if error is not None:
            raise ControlError(str(error).removeprefix(f"{_INTERFACE}."), parameters)
        return parameters or self._told({}), bool(message.get("continues"))

    def _receive(self) -> bytes:
        patience = self._socket.gettimeout()
        deadline = None if patience is None else time.monotonic() + patience
        while b"\0" not in self._received:
            if deadline is not None:
                self._socket.settimeout(max(deadline - time.monotonic(), _LEAST))
            if len(self._received) > _MAX_MESSAGE:
                raise ValueError(f"it is longer than {_MAX_MESSAGE} bytes")
            if not (data := self._socket.recv(1 << 16)):
                raise ConnectionResetError(None, _HUNG_UP)
            self._received += data
        self._socket.settimeout(patience)
        message, _, self._received = self._received.partition(b"\0")
        return message

    def _told(self, content: dict[str, Any]) -> "_Told":
        return _Told(content, self._path)

    def _broken(self, why: str) -> ToolError:
        return ToolError(Exit.UNREACHABLE, f"the daemon at {self._path}: {why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def devices_seen(path: Path) -> list[dict[str, Any]] | None:
    """The type SeenDevice for each device that the daemon has seen; None if it cannot be asked."""
    try:
        with Control(path) as control:
            devices: list[dict[str, Any]] = control.call("GetDevices")["devices"]
            return devices if isinstance(devices, list) else None
    except ToolError:
        return None


def _no_control(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"the control socket at {path}: {error.strerror}: it answers root and prhelper's own user"
    why = "prhelper does not run (its service starts with its first client), or has another --control"
    return f"no control socket at {path}: {error.strerror or error}: {why}"
