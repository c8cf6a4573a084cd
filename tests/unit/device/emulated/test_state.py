"""What the emulated unit remembers, and what of it outlives a power loss."""

import dataclasses
import json

import pytest

from prhelper.device.emulated.state import Nexus, Registration, Reservation, State, power_cycled
from prhelper.scsi.reservation import ReservationType
from prhelper.scsi.sense import Sense
from prhelper.scsi.transport_id import IscsiPort, SasPort

A = Nexus("alpha", SasPort(0x5000_0000_0000_000A))
B = Nexus("beta", IscsiPort("iqn.2026-01.org.example:beta", 0x23D), relative_port=2)
HELD = Reservation(ReservationType.EXCLUSIVE_ACCESS, A)
SHARED = Reservation(ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS, None)
FULL = State(
    generation=7,
    registrations=(Registration(A, 2**64 - 1), Registration(B, 1)),
    reservation=HELD,
    aptpl=True,
    attentions=((B, Sense(6, 0x2A, 3)),),
    ports=(1, 2),
)


def test_nexus_is_its_two_ports_whatever_it_is_called() -> None:
    assert dataclasses.replace(A, name="other") == A
    assert len({A, dataclasses.replace(A, name="other"), dataclasses.replace(A, relative_port=2)}) == 2


def test_key_is_that_of_the_very_nexus() -> None:
    assert FULL.key_of(A) == 2**64 - 1
    assert FULL.key_of(dataclasses.replace(A, relative_port=2)) is None


def test_holder_is_one_nexus_or_every_registrant() -> None:
    assert (FULL.holds(A), FULL.holds(B)) == (True, False)
    shared = dataclasses.replace(FULL, reservation=SHARED)
    stranger = dataclasses.replace(A, relative_port=2)
    assert (shared.holds(A), shared.holds(B), shared.holds(stranger)) == (True, True, False)
    assert not dataclasses.replace(FULL, reservation=None).holds(A)


def test_power_loss_with_aptpl_forgets_generation_and_attentions_only() -> None:
    assert power_cycled(FULL) == dataclasses.replace(FULL, generation=0, attentions=())


def test_power_loss_without_aptpl_forgets_everything() -> None:
    assert power_cycled(dataclasses.replace(FULL, aptpl=False)) == State(ports=(1, 2))


@pytest.mark.parametrize("reservation", [HELD, SHARED, None], ids=["held", "all registrants", "none"])
def test_stored_state_comes_back_as_after_a_power_loss(reservation: Reservation | None) -> None:
    state = dataclasses.replace(FULL, reservation=reservation, ports=(1,))
    stored = json.loads(json.dumps(state.to_dict()))
    restored = State.from_dict(stored)
    assert restored == power_cycled(state)
    assert [each.nexus.name for each in restored.registrations] == ["alpha", "beta"]


@pytest.mark.parametrize("missing", ["registrations", "reservation", "aptpl"])
def test_damaged_store_is_an_error_and_no_empty_state(missing: str) -> None:
    damaged = {name: value for name, value in FULL.to_dict().items() if name != missing}
    with pytest.raises(KeyError):
        State.from_dict(damaged)
