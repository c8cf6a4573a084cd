"""A plain Varlink client on a blocking socket, which shares no code with what it tests; and described types."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from .patience import PATIENCE

CONTROL = "io.prhelper.Control"
SERVICE = "org.varlink.service"


class CalledInVainError(Exception):
    """The answer was an error: its name, and its parameters."""

    def __init__(self, name: str, parameters: dict[str, Any]) -> None:
        super().__init__(name, parameters)
        self.name = name
        self.parameters = parameters


class HungUpError(Exception):
    """The service closed the connection where an answer was due."""


class Varlink:
    """A connection to a service."""

    def __init__(self, path: Path | str, timeout: float = PATIENCE) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self._data = b""
        try:
            self.socket.connect(os.fspath(path))
        except BaseException:
            self.socket.close()
            raise

    def send(self, method: str, parameters: object = None, **flags: bool) -> None:
        """Send a call, in the control interface unless it names another."""
        name = method if "." in method else f"{CONTROL}.{method}"
        call = {"method": name, **flags} | ({} if parameters is None else {"parameters": parameters})
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def reply(self) -> dict[str, Any]:
        """The parameters of the next reply."""
        while b"\0" not in self._data:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                raise HungUpError(f"after {self._data[:100]!r}")
            self._data += more
        message, _, self._data = self._data.partition(b"\0")
        content = json.loads(message)
        parameters: dict[str, Any] = content["parameters"]
        if "error" in content:
            raise CalledInVainError(content["error"], parameters)
        return parameters

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method, and wait for its one reply."""
        self.send(method, parameters)
        return self.reply()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Varlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def departures(value: Any, kind: Any, interface: Any, where: str = "reply") -> list[str]:
    """Where a value is not of a type of an interface, both as the package `varlink` reads them from a description."""
    from varlink import scanner

    if isinstance(kind, scanner._Maybe):
        return [] if value is None else departures(value, kind.element_type, interface, where)
    if isinstance(kind, scanner._CustomType):
        return departures(value, interface.members[kind.name].type, interface, where)
    if isinstance(kind, scanner._Array):
        return [one for part in value for one in departures(part, kind.element_type, interface, f"{where}[]")]
    if isinstance(kind, scanner._Dict):
        return [one for part in value.values() for one in departures(part, kind.element_type, interface, f"{where}[]")]
    if isinstance(kind, scanner._Enum):
        return [] if value in kind.fields else [f"{where}: {value!r} is none of {kind.fields}"]
    if isinstance(kind, scanner._Struct):
        unknown = [f"{where}.{name}: not described" for name in value if name not in kind.fields]
        return unknown + [
            one
            for name, field in kind.fields.items()
            for one in departures(value.get(name), field, interface, f"{where}.{name}")
        ]
    return [] if type(value) is type(kind) else [f"{where}: {value!r} is no {type(kind).__name__}"]
