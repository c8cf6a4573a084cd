"""The methods of the interfaces, but for the one that goes on: what each answers.

Nothing here blocks: it reads what others have written into memory, and never asks the kernel about what a client has
passed. The answer is of one moment, but its parts need not be of the same.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import anyio.lowlevel

from ..logs import handler, trace
from ..scheduler.iothread import IOThreads
from ..serving.clients import Clients
from .disks import by_disk
from .facts import Facts
from .messages import Call, CallError, encoded, list_reply, reply
from .names import DeviceNames
from .reaching import Reaching
from .wording import Json, client, seen_device, usec

SERVICE = "org.varlink.service"
CONTROL = "io.prhelper.Control"

_DESCRIPTIONS = {name: (Path(__file__).parent / f"{name}.varlink").read_text() for name in (SERVICE, CONTROL)}
# Read when this is imported: later, without privileges, the files may be unreadable.


_AT_ONCE = 32
"""Clients or devices that are worded without a pause: 0.2 ms."""


MAX_PATTERNS = 64
MAX_PATTERN = 64
"""Characters. fnmatch takes minutes for a pattern of 60 kB (`[a-[a-...`), and 20 ms for as many as these limits let."""


class _Method(NamedTuple):
    """answer: the parameters of the reply, or the reply itself. parameters: their names, and their types in JSON."""

    answer: Callable[..., Awaitable[Json | bytes]]
    parameters: Mapping[str, type] = {}


class Methods:
    """What each answers. For the main thread. names, reaching: become its own."""

    def __init__(
        self,
        facts: Facts,
        clients: Clients,
        threads: IOThreads,
        log: handler.LogHandler,
        names: DeviceNames,
        reaching: Reaching,
    ) -> None:
        self._facts = facts
        self._clients = clients
        self._threads = threads
        self._log = log
        self._names = names
        self._reaching = reaching
        self._methods = {
            f"{SERVICE}.GetInfo": _Method(self._info),
            f"{SERVICE}.GetInterfaceDescription": _Method(self._description, {"interface": str}),
            f"{CONTROL}.GetStatus": _Method(self._status),
            f"{CONTROL}.GetClients": _Method(self._all_clients),
            f"{CONTROL}.GetDevices": _Method(self._devices),
            f"{CONTROL}.SetLogLevel": _Method(self._set_log_level, {"level": str}),
            f"{CONTROL}.SetTraceEvents": _Method(self._set_trace_events, {"patterns": list}),
        }

    def close(self) -> None:
        """Close what it has open, once no thread runs any more."""
        self._names.close()
        self._reaching.close()

    async def answer(self, call: Call) -> bytes:
        """The reply. Raises CallError."""
        if (method := self._methods.get(call.method)) is None:
            interface = call.method.rpartition(".")[0]
            if interface not in _DESCRIPTIONS:
                raise CallError(f"{SERVICE}.InterfaceNotFound", interface=interface)
            raise CallError(f"{SERVICE}.MethodNotFound", method=call.method)
        check_parameters(call, method.parameters)
        answer = await method.answer(**call.parameters)
        return answer if isinstance(answer, bytes) else reply(answer)

    async def _info(self) -> Json:
        return {
            "vendor": "prhelper",
            "product": "prhelper",
            "version": self._facts.version,
            "url": "man:prhelper(8)",
            "interfaces": list(_DESCRIPTIONS),
        }

    async def _description(self, interface: str) -> Json:
        if interface not in _DESCRIPTIONS:
            raise CallError(f"{SERVICE}.InterfaceNotFound", interface=interface)
        return {"description": _DESCRIPTIONS[interface]}

    async def _status(self) -> Json:
        facts = self._facts
        now = time.monotonic()
        since = [in_flight.since for one in self._clients if (in_flight := one.in_flight) is not None]
        return {
            "version": facts.version,
            "role": facts.role,
            "pid": os.getpid(),
            "uid": os.geteuid(),
            "started_at": usec(facts.started_at),
            "uptime_usec": usec(max(0.0, time.time() - facts.started_at)),
            "socket": facts.socket,
            "sends_commands": facts.sends_commands,
            "clients": len(self._clients),
            "in_flight": len(since),
            "longest_in_flight_usec": usec(now - min(since)) if since else None,
            "commands": self._clients.commands(),
            "devices": len(self._clients.seen),
            "emulate": facts.emulate,
            "limits": self._limits(),
            "multipath": await self._multipath(),
            **self._threads_and_guard(),
            "log": {"level": handler.level(), "waiting": self._log.waiting, "lost": self._log.lost},
        }

    async def _multipath(self) -> Json:
        reached = await self._reaching.look()
        multipathd = None if reached is None else {"asked_at": usec(reached.at), "trouble": reached.trouble}
        return {**self._facts.multipath._asdict(), "multipathd": multipathd}

    def _limits(self) -> Json:
        facts, clients = self._facts, self._clients
        return {
            "clients": clients.total,
            "clients_per_unit": clients.per_account,
            "clients_per_process": clients.per_process,
            "open_files": facts.open_files,
            "command_timeout_usec": usec(facts.command_timeout),
            "request_timeout_usec": usec(facts.request_timeout),
            "stop_timeout_usec": usec(facts.stop_timeout),
        }

    def _threads_and_guard(self) -> Json:
        state = self._threads.state()
        return {
            "threads": {"running": state.threads, "idle": state.idle, "reserve": state.has_reserve},
            "guard": {
                "alive": state.guard_is_alive,
                "turns": state.guard_turns,
                "leaders_replaced": state.leaders_replaced,
            },
        }

    async def _all_clients(self) -> bytes:
        clients = list(self._clients)
        await self._names.look_up(in_flight.device for one in clients if (in_flight := one.in_flight) is not None)
        return list_reply("clients", await _encode(client(one, self._names) for one in clients), {})

    async def _devices(self) -> bytes:
        seen = self._clients.seen
        devices = list(seen.all())
        await self._names.look_up(device for device, _ in devices)
        connected = {one.asker for one in self._clients}
        disks = by_disk(devices, self._names)
        items = await _encode(seen_device(nodes, what, self._names, connected) for nodes, what in disks)
        return list_reply("devices", items, {"omitted": seen.omitted})

    async def _set_log_level(self, level: str) -> Json:
        if level not in handler.LEVELS:
            raise CallError(f"{SERVICE}.InvalidParameter", parameter="level")
        before = handler.level()
        handler.set_level(level)
        return {"before": before}

    async def _set_trace_events(self, patterns: list[Any]) -> Json:
        if len(patterns) > MAX_PATTERNS or not all(map(_is_pattern, patterns)):
            raise CallError(f"{SERVICE}.InvalidParameter", parameter="patterns")
        if (unknown := trace.turn(patterns)) is not None:
            raise CallError(f"{CONTROL}.NoSuchTraceEvent", pattern=unknown)
        return {"events": [{"name": event.name, "enabled": event.enabled} for event in trace.EVENTS]}


def _is_pattern(thing: object) -> bool:
    return isinstance(thing, str) and len(thing) <= MAX_PATTERN


async def _encode(things: Iterable[Json]) -> list[bytes]:
    """Encode many, and pass the GIL on between them: in one go, thousands of clients would take it for 10 ms."""
    items = []
    for number, thing in enumerate(things):
        items.append(encoded(thing))
        if number % _AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
    return items


def check_parameters(call: Call, expected: Mapping[str, type]) -> None:
    """Raises CallError if a parameter is missing, unknown, or of the wrong type, or if a flag is not understood."""
    if call.upgrade:
        raise CallError(f"{SERVICE}.InvalidParameter", parameter="upgrade")
    for name in (*expected, *call.parameters):
        if name not in expected or not isinstance(call.parameters.get(name), expected[name]):
            raise CallError(f"{SERVICE}.InvalidParameter", parameter=name)
