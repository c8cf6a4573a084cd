"""What the control socket answers."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from prhelper.device import identity
from prhelper.device.execution import Note
from prhelper.logs import trace
from prhelper.scsi.reservation import Command

from ...support import two_paths
from ...support.helper import wait_until
from ...support.spc import reserve_in
from ...support.varlink import CONTROL, SERVICE, CalledInVainError, Varlink, departures
from .running import Controlled, remember


def test_status_tells_what_there_is(controlled: Controlled, peer: Varlink) -> None:
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        wait_until(lambda: peer.call("GetStatus")["commands"] == 1)
        status = peer.call("GetStatus")
        assert (status["pid"], status["uid"], status["clients"]) == (os.getpid(), os.geteuid(), 1)
        assert status["multipath"] == {
            "mode": "auto",
            "handled": "here",
            "socket": None,
            "reason": None,
            "multipathd": None,
        }
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


def test_nodes_of_one_disk_are_told_as_one_and_another_path_to_its_unit_apart(
    controlled: Controlled, peer: Varlink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", two_paths.make(tmp_path))
    with controlled.running.connect() as client:
        controlled.running.ask(client)
        wait_until(lambda: peer.call("GetStatus")["commands"] == 1)
        remember(controlled, Command(reserve_in(0)), two_paths.SDA1, trouble="the reason")
        for device in (two_paths.SG0, two_paths.SDA, two_paths.SDB):
            remember(controlled, device=device)
        remember(controlled, Command(reserve_in(0)), two_paths.SG0)
        told = {one["device"]["name"]: one for one in peer.call("GetDevices")["devices"]}
    assert [each["name"] for each in told["sda"]["nodes"]] == ["sda", "sda1", "sg0"]
    assert told["sda"]["outcomes"] == {"GOOD": 3, "not sent": 1}
    assert told["sda"]["last"]["device"]["name"] == "sda"
    assert told["sda"]["device"]["wwid"] == told["sdb"]["device"]["wwid"] == two_paths.WWID
    paths = [[each["addresses"] for each in told[name]["registrations"]] for name in ("sda", "sdb")]
    assert paths == [[[two_paths.FIRST]], [[two_paths.SECOND]]]


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
        (f"{CONTROL}.SetTraceEvents", {"patterns": ["*"] * 65}, {}, ("InvalidParameter", {"parameter": "patterns"})),
        (f"{CONTROL}.SetTraceEvents", {"patterns": ["x" * 65]}, {}, ("InvalidParameter", {"parameter": "patterns"})),
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


def test_patterns_may_be_as_many_and_as_long_as_the_limits_say(peer: Varlink) -> None:
    assert peer.call("SetTraceEvents", patterns=["*"] * 64)["events"]
    with pytest.raises(CalledInVainError) as caught:
        peer.call("SetTraceEvents", patterns=["x" * 64])
    assert caught.value.name == f"{CONTROL}.NoSuchTraceEvent"
