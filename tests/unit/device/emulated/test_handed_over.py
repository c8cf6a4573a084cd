"""Units go to another process as they are, and what is damaged or of another version is refused."""

import json
from typing import Any

import pytest

from prhelper.device.emulated import initiators
from prhelper.device.emulated.handed_over import UnitsError, decode, encode
from prhelper.device.emulated.initiators import nexus_of
from prhelper.device.emulated.state import Registration, State, reservation_of
from prhelper.host.peer import Peer
from prhelper.scsi import sense
from prhelper.scsi.reservation import ReservationType

ONE = nexus_of("uid", Peer(1, 107, ""), 1)
OTHER = nexus_of("connection", Peer(0, 0, ""), 2)
STATES = {
    "untouched": State(),
    "counted": State(generation=7),
    "without APTPL": State(
        generation=2**32 - 1,
        registrations=(Registration(ONE, 0xA), Registration(OTHER, 2**64 - 1)),
        reservation=reservation_of(ReservationType.WRITE_EXCLUSIVE, OTHER),
        attentions=((ONE, sense.RESERVATIONS_PREEMPTED), (ONE, sense.REGISTRATIONS_PREEMPTED)),
        ports=(1, 2),
    ),
    "with APTPL": State(
        registrations=(Registration(ONE, 1),),
        reservation=reservation_of(ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS, ONE),
        aptpl=True,
    ),
}


def test_units_are_what_they_were() -> None:
    assert decode(encode("run", STATES)) == ("run", STATES)


def test_connections_of_the_former_process_are_the_same_initiators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initiators, "_run", "first")
    before = OTHER, nexus_of("connection", Peer(0, 0, ""), 1)
    monkeypatch.setattr(initiators, "_run", "second")
    initiators.go_on_as("first")
    assert nexus_of("connection", Peer(0, 0, ""), 1) == before[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"units": []},
        {"units": {"one": {}}},
        {"units": {"one": None}},
        {"units": {"one": {**State().to_dict(), "generation": "1", "attentions": [], "ports": [1]}}},
        {"units": {"one": {**State().to_dict(), "generation": 1, "attentions": [{}], "ports": [1]}}},
    ],
)
def test_what_is_damaged_is_refused(changed: dict[str, Any]) -> None:
    whole = json.loads(encode("run", {}))
    with pytest.raises(UnitsError, match="damaged"):
        decode(json.dumps(whole | changed).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UnitsError, match="damaged"):
        decode(b"\xff")


def test_another_version_is_refused_and_named() -> None:
    with pytest.raises(UnitsError, match="version 2, and this prhelper knows 1"):
        decode(encode("run", {}).replace(b'"version": 1', b'"version": 2'))
