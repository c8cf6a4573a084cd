"""The control socket: what it answers, to whom, and what a hostile process can do to it."""

from __future__ import annotations

import array
import contextlib
import itertools
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from typing import Any

import pytest

from prhelper.channel import SocketChannel
from prhelper.control import connection, server
from prhelper.control.messages import MAX_CALL
from prhelper.device.execution import Note, Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.logs import trace
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving import watching

from ...support.helper import wait_until
from ...support.lingering import socket_that_blocks_when_closed
from ...support.spc import keys, reserve_in, reserve_out
from ...support.varlink import CONTROL, SERVICE, CalledInVainError, HungUpError, Varlink, departures
from .running import Controlled

DISK = DeviceId(stat.S_IFBLK, os.makedev(7, 9999))
REGISTER = Command(reserve_out(0), keys(0, 0xA1))


@pytest.fixture
def peer(controlled: Controlled) -> Iterator[Varlink]:
    with controlled.connect() as peer:
        yield peer


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger("prhelper")
    level = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(level)
    for event in trace.EVENTS:
        event.enabled = False


def remember(controlled: Controlled, command: Command = REGISTER, **more: Any) -> None:
    """As if a client's command had ended."""
    (client,) = controlled.clients
    client.machine_name = MachineName("db1", False)
    client.remember(command, DISK, Result(Outcome(0), 0.5, **more))


def check_served(controlled: Controlled) -> None:
    with controlled.connect() as other:
        assert other.call("GetStatus")["version"] == "1.2.3"


def test_status_tells_what_there_is(controlled: Controlled, peer: Varlink) -> None:
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        wait_until(lambda: peer.call("GetStatus")["commands"] == 1)
        status = peer.call("GetStatus")
        assert (status["pid"], status["uid"], status["clients"]) == (os.getpid(), os.geteuid(), 1)
        assert status["multipath"] == {"mode": "auto", "handled": "here", "socket": None, "reason": None}
        assert status["limits"]["command_timeout_usec"] == 60_000_000
        assert (status["in_flight"], status["longest_in_flight_usec"]) == (0, None)
        assert status["guard"]["alive"]


def test_a_command_in_flight_is_told_with_its_device_and_client(controlled: Controlled, peer: Varlink) -> None:
    controlled.running.device.held = True
    with controlled.running.connect() as client, open("/dev/null", "rb") as null:  # noqa: PTH123
        client.send(reserve_in(1), [null.fileno()])
        assert controlled.running.device.entered.wait(10)
        (told,) = peer.call("GetClients")["clients"]
        assert told["process"]["pid"] == os.getpid()
        assert told["in_flight"]["device"] == {
            "kind": "char",
            "number": "1:3",
            "name": "null",
            "wwid": None,
            "map": None,
        }
        assert told["in_flight"]["command"]["action"] == "READ RESERVATION"
        first = peer.call("GetStatus")["longest_in_flight_usec"]
        assert peer.call("GetStatus")["longest_in_flight_usec"] > first > 0


def test_devices_are_told_with_who_registered_what(controlled: Controlled, peer: Varlink) -> None:
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        wait_until(lambda: peer.call("GetStatus")["commands"] == 1)
        remember(controlled, note=Note("mpatha", "3600"))
        remember(controlled, Command(reserve_in(0)), trouble="the reason")
        told = {one["device"]["number"]: one for one in peer.call("GetDevices")["devices"]}
        assert set(told) == {"1:3", "7:9999"}
        disk = told["7:9999"]
        assert disk["device"] == {"kind": "block", "number": "7:9999", "name": None, "wwid": "3600", "map": "mpatha"}
        assert (disk["commands"], disk["outcomes"]) == (2, {"GOOD": 1, "not sent": 1})
        assert disk["last"]["command"]["service_action_key"] == "0xa1"
        assert disk["slowest"]["duration_usec"] == 500_000
        (registration,) = disk["registrations"]
        assert (registration["key"], registration["connected"]) == ("0xa1", True)
        assert registration["process"]["machine_name"] == "db1"
        assert registration["process"]["machine_name_from"] == "cgroup"
    wait_until(lambda: not peer.call("GetStatus")["clients"])
    disks = [one for one in peer.call("GetDevices")["devices"] if one["registrations"]]
    assert [disk["registrations"][0]["connected"] for disk in disks] == [False]


def test_reservations_are_passed_on_as_they_happen(controlled: Controlled, peer: Varlink) -> None:
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        peer.send("WatchReservations", more=True)
        assert peer.reply() == {"ready": True}
        remember(controlled)
        remember(controlled, Command(reserve_in(0)))
        remember(controlled, trouble="the reason")
        told = [peer.reply()["event"] for _ in range(2)]
        assert [(one["trouble"], one["device"]["number"]) for one in told] == [
            (None, "7:9999"),
            ("the reason", "7:9999"),
        ]
        assert [one["command"]["action"] for one in told] == ["REGISTER", "REGISTER"]


def test_every_reply_is_of_the_described_type(controlled: Controlled, peer: Varlink, interface: Any) -> None:
    def check(method: str, reply: dict[str, Any]) -> None:
        kind = interface.members[method].out_type
        assert departures(reply, kind, interface, method) == []

    controlled.running.device.held = True
    with controlled.running.connect() as client, open("/dev/null", "rb") as null:  # noqa: PTH123
        client.send(reserve_in(1), [null.fileno()])
        assert controlled.running.device.entered.wait(10)
        remember(controlled, note=Note("mpatha", "3600"))
        for method in ("GetStatus", "GetClients", "GetDevices"):
            check(method, peer.call(method))
        check("SetLogLevel", peer.call("SetLogLevel", level="debug"))
        check("SetTraceEvents", peer.call("SetTraceEvents", patterns=[]))
        peer.send("WatchReservations", more=True)
        check("WatchReservations", peer.reply())
        remember(controlled)
        check("WatchReservations", peer.reply())


def test_another_implementation_talks_to_it(controlled: Controlled, interface: Any) -> None:
    import varlink

    client = varlink.Client.new_with_address(f"unix:{controlled.path}")
    assert client.get_interface(CONTROL).description == interface.description
    with client.open(CONTROL) as control:
        assert control.GetStatus()["version"] == "1.2.3"
        assert next(iter(control.WatchReservations(_more=True))) == {"ready": True}
    with client.open(SERVICE) as service:
        assert service.GetInfo()["interfaces"] == [SERVICE, CONTROL]


def test_the_log_level_is_changed_and_told(peer: Varlink) -> None:
    logging.getLogger("prhelper").setLevel(logging.INFO)
    assert peer.call("SetLogLevel", level="bytes") == {"before": "info"}
    assert peer.call("GetStatus")["log"]["level"] == "bytes"
    assert peer.call("SetLogLevel", level="error") == {"before": "bytes"}
    assert logging.getLogger("prhelper").level == logging.ERROR


def test_trace_events_are_turned_on_and_off(peer: Varlink) -> None:
    told = peer.call("SetTraceEvents", patterns=["prh_client*", "-prh_client_end"])["events"]
    assert {one["name"] for one in told if one["enabled"]} == {
        event.name for event in trace.EVENTS if event.name.startswith("prh_client") and event.name != "prh_client_end"
    }
    with pytest.raises(CalledInVainError) as caught:
        peer.call("SetTraceEvents", patterns=["prh_sg_io", "file=/tmp/x"])
    assert (caught.value.name, caught.value.parameters) == (f"{CONTROL}.NoSuchTraceEvent", {"pattern": "file=/tmp/x"})
    assert not trace.sg_io.enabled


@pytest.mark.parametrize(
    ("method", "parameters", "flags", "error"),
    [
        ("nonsense", {}, {}, ("InterfaceNotFound", {"interface": ""})),
        ("a.b.C", {}, {}, ("InterfaceNotFound", {"interface": "a.b"})),
        (f"{SERVICE}.GetInterfaceDescription", {"interface": "a.b"}, {}, ("InterfaceNotFound", {"interface": "a.b"})),
        (f"{CONTROL}.Reboot", {}, {}, ("MethodNotFound", {"method": f"{CONTROL}.Reboot"})),
        (f"{CONTROL}.GetStatus", {"x": 1}, {}, ("InvalidParameter", {"parameter": "x"})),
        (f"{CONTROL}.GetStatus", {}, {"upgrade": True}, ("InvalidParameter", {"parameter": "upgrade"})),
        (f"{CONTROL}.SetLogLevel", {}, {}, ("InvalidParameter", {"parameter": "level"})),
        (f"{CONTROL}.SetLogLevel", {"level": "loud"}, {}, ("InvalidParameter", {"parameter": "level"})),
        (f"{CONTROL}.SetLogLevel", {"level": ["info"]}, {}, ("InvalidParameter", {"parameter": "level"})),
        (f"{CONTROL}.SetTraceEvents", {"patterns": [1]}, {}, ("InvalidParameter", {"parameter": "patterns"})),
        (f"{CONTROL}.WatchReservations", {}, {}, ("ExpectedMore", {})),
        (f"{CONTROL}.WatchReservations", {"x": 1}, {"more": True}, ("InvalidParameter", {"parameter": "x"})),
    ],
)
def test_a_call_that_cannot_be_answered_gets_an_error_and_the_next_an_answer(
    peer: Varlink, method: str, parameters: object, flags: dict[str, bool], error: tuple[str, object]
) -> None:
    if "." not in method:
        peer.socket.sendall(json.dumps({"method": method}).encode() + b"\0")
    else:
        peer.send(method, parameters, **flags)
    with pytest.raises(CalledInVainError) as caught:
        peer.reply()
    assert (caught.value.name, caught.value.parameters) == (f"{SERVICE}.{error[0]}", error[1])
    assert peer.call("GetStatus")


def test_calls_sent_at_once_are_answered_in_order_and_oneway_calls_not(peer: Varlink) -> None:
    peer.send("SetLogLevel", {"level": "error"}, oneway=True)
    peer.send("Reboot", oneway=True)
    peer.send("SetLogLevel", {"level": "debug"})
    peer.send("GetStatus")
    assert peer.reply() == {"before": "error"}
    assert peer.reply()["log"]["level"] == "debug"


@pytest.mark.parametrize("data", [b"rubbish\0", b"[1]\0", b"x" * MAX_CALL, b"[" * 5000 + b"\0"])
def test_what_is_no_call_ends_the_connection_and_no_other(controlled: Controlled, peer: Varlink, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        peer.socket.sendall(data)
    with pytest.raises(HungUpError):
        peer.reply()
    check_served(controlled)


def test_half_a_call_ends_the_connection_in_time(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.1)
    check_served(controlled)
    with controlled.connect() as half:
        half.socket.sendall(b'{"method":')
        with pytest.raises(HungUpError):
            half.reply()
    check_served(controlled)


@pytest.mark.parametrize("call", [b'{"method":"org.varlink.service.GetInfo"}\0', b"{"])
def test_descriptors_are_refused_and_their_close_holds_up_nothing(
    controlled: Controlled, peer: Varlink, call: bytes
) -> None:
    with socket_that_blocks_when_closed() as lingering:
        rights = array.array("i", [lingering.fileno()])
        peer.socket.sendmsg([call], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        lingering.close()
        with pytest.raises(HungUpError):
            peer.reply()
        check_served(controlled)


def test_root_has_places_that_another_user_has_not(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    users = iter([4711] * (server.MAX_CONNECTIONS // 2 + 1) + [0])
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(SocketChannel, "peer_credentials", lambda _: (1, next(users), 0))
    *ours, one_too_many = [controlled.connect() for _ in range(server.MAX_CONNECTIONS // 2 + 1)]
    with pytest.raises((HungUpError, BrokenPipeError)):
        one_too_many.call("GetStatus")
    for peer in ours:
        assert peer.call("GetStatus")
    check_served(controlled)
    for peer in (*ours, one_too_many):
        peer.close()


def test_at_the_limit_one_more_is_turned_away_until_one_leaves(controlled: Controlled) -> None:
    peers = [controlled.connect() for _ in range(server.MAX_CONNECTIONS)]
    for peer in peers:
        assert peer.call("GetStatus")
    with controlled.connect() as one_too_many, pytest.raises((HungUpError, BrokenPipeError)):
        one_too_many.call("GetStatus")
    for peer in peers:
        peer.close()

    def is_served() -> bool:
        try:
            check_served(controlled)
        except (HungUpError, BrokenPipeError):
            return False
        return True

    wait_until(is_served)


def test_other_users_are_turned_away(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SocketChannel, "peer_credentials", lambda _: (1, os.geteuid() + 4711, 0))
    with controlled.connect() as peer, pytest.raises((HungUpError, BrokenPipeError)):
        peer.call("GetStatus")


def test_a_reader_that_stops_is_dropped_and_told(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MAX_WAITING", 100)
    with controlled.running.connect() as client, controlled.connect() as slow:
        controlled.running.ask(client)
        slow.send("WatchReservations", more=True)
        assert slow.reply() == {"ready": True}
        (watch,) = controlled.clients.seen.watchers.all

        def has_lost() -> bool:
            remember(controlled)
            return watch.lost > 10

        wait_until(has_lost, timeout=30)
        check_served(controlled)
        for _ in range(101):
            assert slow.reply()["event"]
        with pytest.raises(CalledInVainError) as caught:
            all(slow.reply() for _ in itertools.count())
        assert (caught.value.name, caught.value.parameters) == (f"{CONTROL}.TooSlow", {"lost": watch.lost})
        with pytest.raises(HungUpError):
            slow.reply()


def test_a_reader_that_never_goes_on_is_dropped(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.1)
    with controlled.running.connect() as client, controlled.connect() as slow:
        controlled.running.ask(client)
        slow.send("WatchReservations", more=True)
        assert slow.reply() == {"ready": True}

        def is_dropped() -> bool:
            remember(controlled)
            return not controlled.clients.seen.watchers.all

        wait_until(is_dropped, timeout=30)
        check_served(controlled)


@pytest.mark.parametrize("how", ["hangs up", "speaks"])
def test_a_watcher_that_hangs_up_or_speaks_is_forgotten(controlled: Controlled, how: str) -> None:
    with controlled.connect() as peer:
        peer.send("WatchReservations", more=True)
        assert peer.reply() == {"ready": True}
        if how == "hangs up":
            peer.close()
        else:
            peer.send("GetStatus")
        wait_until(lambda: not controlled.clients.seen.watchers.all)
    check_served(controlled)


def test_a_flood_of_calls_leaves_time_for_everything_else(controlled: Controlled) -> None:
    """Ten thousand calls at once would otherwise take the main thread for as long as they last."""
    call = b'{"method":"org.varlink.service.GetInfo","oneway":true}\0'
    with controlled.connect() as flooding:
        flooding.socket.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            try:
                sent += flooding.socket.send(call * 50)
            except BlockingIOError:
                break
        assert sent > len(call) * 50
        check_served(controlled)


def test_a_bug_in_a_method_ends_that_connection_alone(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> dict[str, object]:
        raise ZeroDivisionError

    methods = controlled.control._methods
    name = f"{CONTROL}.GetClients"
    monkeypatch.setitem(methods._methods, name, methods._methods[name]._replace(answer=fail))
    with caplog.at_level(logging.CRITICAL, "prhelper"), controlled.connect() as peer, pytest.raises(HungUpError):
        peer.call("GetClients")
    assert "a bug ended a connection" in caplog.text
    check_served(controlled)
