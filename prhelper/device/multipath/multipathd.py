"""Requests of multipathd, on its socket.

It listens at an abstract address, which only its own network namespace has, and from 0.12 also at a path. A message is
its length in bytes, a native size_t that counts the NUL, and then a text that ends with NUL. One goes each way, on a
connection of its own. Others than uid 0 may ask for `show` only.

Name a map by its number, `dm-N`: 0.9.4 knows no WWIDs here, and an alias may need quoting.

The replies without the newline, read in 0.9.4, 0.11.1 and 0.14.3, and some seen with 0.9.4, 0.11.1 and 0.15.1:

    setprkey, unsetprkey        `ok`; `fail` where multipathd has another key afterwards, since `reservation_key` is not
                                `file`. Its file of keys is changed even then
    getprkey                    the key as 0x and hex digits, perhaps with `:aptpl` after it; `none`
    setprstatus, unsetprstatus  `ok`. From 0.13 also where it has not been set, since no path has the key
    getprstatus                 `0`, `1`; from 0.9.5 `unset`, `set`, `unknown`
    setprhold, unsetprhold      `ok`; from 0.13
    to what it does not know    `fail`, or its usage, after a line `fail` from 0.9.8
    about a map it has not      `fail`, from 0.9.8 with a line `device not found`
    to others than uid 0        `permission deny: need to be root`, after a line `fail` from 0.9.8
    after 4 s in its queue      `timeout`, after a line `fail` from 0.9.8; it has not been carried out
"""

import socket
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

ADDRESSES = ("/run/multipathd.socket", "\0/org/kernel/linux/storage/multipathd")
"""Where it may listen, in the order in which they are tried."""

PATIENCE = 4.5
"""Seconds for a request, from connecting to the last byte of the reply.

multipathd discards a request that has waited for 4 s (`uxsock_timeout`, which cannot be set lower), and says so.
Silence beyond that means that it hangs. Were we to give up earlier, it might carry the request out much later.
"""

PAUSE = 30.0
"""Seconds without requests after one that was not answered in time. A sequence makes up to four, and each command of a
guest would be that much slower. Paths that come back meanwhile are looked after without multipathd."""

MAX_REPLY = 4 << 20
"""Bytes. The longest reply is to `show config local`: some thousand, and a hundred for each map."""

_SIZE = struct.Struct("@N")
_CREDENTIALS = struct.Struct("@iII")  # struct ucred: pid, uid, gid

_LATE = "multipathd does not answer in time"
_REFUSED = "multipathd serves uid 0 only, which this process is not"


class Reply(NamedTuple):
    """What came of a request.

    text: the reply without the newline; empty if there is none.
    trouble: why there is none, or why any request would be refused; None if all is well. For the administrator.
    """

    text: str
    trouble: str | None = None


class Multipathd:
    """The multipathd of this host. Thread-safe.

    uid: who must have bound the addresses. Anybody can bind an abstract one while multipathd does not run.
    """

    def __init__(
        self,
        addresses: tuple[str, ...] = ADDRESSES,
        patience: float = PATIENCE,
        uid: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses, self._patience, self._uid, self._clock = addresses, patience, uid, clock
        self._pause_ends = clock()

    def request(self, command: str) -> Reply:
        """Make a request, and wait for the reply; raises nothing."""
        began = self._clock()
        if began < self._pause_ends:
            return Reply("", _LATE)
        try:
            with self._connect() as connection:
                text = _exchange(connection, command, _Deadline(began + self._patience, self._clock))
        except _TroubleError as error:
            return Reply("", str(error))
        except (TimeoutError, BlockingIOError):
            return self._late("")
        except OSError as error:
            return Reply("", f"multipathd cannot be asked ({error.strerror})")
        reason = text.removeprefix("fail\n")
        if reason == "timeout":
            return self._late(text)
        return Reply(text, _REFUSED if reason.startswith("permission deny") else None)

    def keeps_keys(self, wwid: str) -> bool | None:
        """Whether `reservation_key` is `file` for the map with this WWID, as setprkey needs; None as for that."""
        key = self.reservation_key(wwid)
        return None if key is None else key == "file"

    def reservation_key(self, wwid: str) -> str | None:
        """`reservation_key` for the map with this WWID, empty if it is not set; None if that cannot be told.

        It is that of the running multipathd, which reads multipath.conf when told to.
        """
        reply = self.request("show config local")
        return _reservation_key_in(reply.text, wwid) if reply.text.startswith("defaults") else None

    def _connect(self) -> socket.socket:
        """The first address that somebody listens at. Raises TimeoutError, BlockingIOError or _TroubleError."""
        failures = []
        for address in self._addresses:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._patience)
                connection.connect(address)
                self._check_owner(connection)
                return connection
            except OSError as error:
                connection.close()
                if isinstance(error, TimeoutError | BlockingIOError):
                    raise
                failures.append(f"{address.replace(chr(0), '@')}: {error.strerror}")
        raise _TroubleError(f"multipathd cannot be reached ({', '.join(failures)})")

    def _check_owner(self, connection: socket.socket) -> None:
        _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid != self._uid:
            raise PermissionError(None, f"uid {uid} listens there, not {self._uid}")

    def _late(self, text: str) -> Reply:
        self._pause_ends = self._clock() + PAUSE
        return Reply(text, _LATE)


class _TroubleError(Exception):
    """There is no reply; the text says why."""


class _Deadline(NamedTuple):
    """A moment on a clock."""

    moment: float
    clock: Callable[[], float]

    def limit(self, connection: socket.socket) -> None:
        """Let the next operation last no longer. Raises TimeoutError if it is past."""
        left = self.moment - self.clock()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)


def _exchange(connection: socket.socket, command: str, deadline: _Deadline) -> str:
    """Send a request and receive the reply. Raises OSError, TimeoutError or _TroubleError."""
    text = command.encode() + b"\0"
    deadline.limit(connection)
    connection.sendall(_SIZE.pack(len(text)) + text)
    (size,) = _SIZE.unpack(_receive(connection, _SIZE.size, deadline))
    if not 0 < size <= MAX_REPLY:
        raise _TroubleError(f"multipathd's reply makes no sense: it has {size} bytes")
    return _receive(connection, size, deadline).rstrip(b"\n\0").decode(errors="replace")


def _receive(connection: socket.socket, size: int, deadline: _Deadline) -> bytes:
    data = bytearray()
    while len(data) < size:
        deadline.limit(connection)
        part = connection.recv(size - len(data))
        if not part:
            raise _TroubleError("multipathd ended the connection without a reply")
        data += part
    return bytes(data)


def _reservation_key_in(config: str, wwid: str) -> str:
    """What the reply to `show config local` says: the map's own `reservation_key`, or else that of the defaults.

    A section with a WWID names it first, between quotes; those within it are doubled.
    """
    keys: dict[str, str] = {}
    section = ""
    for line in config.splitlines():
        word, _, value = line.strip().partition(" ")
        if value == "{" or word == "wwid":
            section = word if value == "{" else value
        elif word == "reservation_key":
            keys.setdefault(section, value)
    quoted = wwid.replace('"', '""')
    return keys.get(f'"{quoted}"', keys.get("defaults", "")).strip('"')
