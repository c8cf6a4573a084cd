"""A guest with a disk of an LIO unit migrates between hosts, each with a helper of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.spc import ALL_REGISTRANTS, CONFLICT, EXCLUSIVE_ACCESS, GOOD, TYPES, WRITE_EXCLUSIVE
from tests.support.virtual_machine.journey import Journey
from tests.support.virtual_machine.machine import Disk

from ..multipath.cluster import OTHER, K
from ..service import Service
from .site import Host, Site

pytestmark = pytest.mark.timeout(180)

Route = tuple[Host, Host]

BY_ONE_PATH = (WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS)
"""Types that let nobody write but the nexus that holds: on a map, one of the paths."""


@pytest.mark.parametrize("kind", [0, *(kind for kind in TYPES if kind not in ALL_REGISTRANTS)])
def test_a_guest_goes_there_and_back_and_what_it_has_goes_along(
    site: Site, route: Route, journey: Journey, kind: int
) -> None:
    home, away = route
    guest = journey.start(home.disk)
    assert guest.register(K) == GOOD
    assert not kind or guest.reserve(K, kind) == GOOD
    assert site.is_as(home.has(kind))
    for host in (away, home):
        assert journey.go(host.disk) is None
        assert site.is_as(host.has(kind)), site.state()
        if len(host.paths) == 1 or kind not in BY_ONE_PATH:
            assert journey.write() == GOOD
    assert not kind or guest.release(K, kind) == GOOD
    assert guest.register(0, key=K) == GOOD
    assert site.state() == "nothing"


@pytest.mark.parametrize("kind", [0, 1, 5, 7])
def test_a_guest_that_was_fenced_meanwhile_is_still_fenced_where_it_arrives(
    site: Site, route: Route, journey: Journey, kind: int
) -> None:
    home, away = route
    guest = journey.start(home.disk)
    assert guest.register(K) == GOOD
    assert not kind or guest.reserve(K, kind) == GOOD
    site.fence(kind or 5)
    fenced = site.state()
    for host in (away, home):
        assert journey.go(host.disk) is None
        assert site.state() == fenced
        assert journey.write() == CONFLICT
        assert guest.reserve(K, kind or 5) == CONFLICT
    assert site.state() == fenced


@pytest.mark.parametrize("kind", ALL_REGISTRANTS)
def test_a_reservation_of_all_registrants_arrives_as_one_of_the_guest_s_alone(
    site: Site, route: Route, journey: Journey, kind: int
) -> None:
    """QEMU looks for the guest's key in READ RESERVATION, where the standard has 0 for these types.

    So it sends a PREEMPT with a type of its own, which LIO lets change the reservation.
    """
    home, away = route
    guest = journey.start(home.disk)
    assert site.cluster.other.register(OTHER) == GOOD
    assert guest.register(K) == GOOD
    assert guest.reserve(K, kind) == GOOD
    assert journey.go(away.disk) is None
    assert site.state() == "c=K d=O, c holds 1"


@pytest.mark.parametrize("kind", [0, 5])
def test_a_guest_whose_migration_fails_late_goes_on_with_what_it_had(
    site: Site, route: Route, journey: Journey, refusing: Disk, kind: int
) -> None:
    home, away = route
    guest = journey.start(home.disk, refusing)
    assert guest.register(K) == GOOD
    assert not kind or guest.reserve(K, kind) == GOOD
    assert journey.view(1).register(K) == GOOD
    failed = journey.go(away.disk, refusing)
    assert failed is not None
    assert failed.ended()
    assert site.is_as(home.has(kind)), site.state()
    assert journey.write() == GOOD
    assert guest.release(K, kind or 5) == GOOD
    assert journey.view(1).register(0, K) == GOOD
    assert journey.go(away.disk, refusing) is None
    assert site.is_as(away.has(0)), site.state()


def test_without_the_return_path_the_source_does_not_hear_of_a_failure_and_takes_nothing_back(
    site: Site, journey: Journey, refusing: Disk
) -> None:
    home, away = site.hosts["e"], site.hosts["c"]
    guest = journey.start(home.disk, refusing, return_path=False)
    assert guest.register(K) == GOOD
    assert guest.reserve(K, 5) == GOOD
    assert journey.view(1).register(K) == GOOD
    there = journey.prepare(away.disk, refusing, return_path=False)
    assert journey.here.migrate_to(there)
    assert there.ended()
    assert site.is_as(away.has(5))


def test_a_guest_whose_destination_loses_its_helper_goes_on_with_what_it_had(
    site: Site, route: Route, journey: Journey, tmp_path: Path
) -> None:
    home, away = route
    service = Service(tmp_path / "helper")
    service.start()
    guest = journey.start(home.disk)
    assert guest.register(K) == GOOD
    assert guest.reserve(K, 5) == GOOD
    failed = journey.go(Disk(away.disk.device, service.path), meanwhile=service.kill)
    assert failed is not None
    assert failed.ended()
    assert site.is_as(home.has(5))
    assert journey.write() == GOOD


def test_a_guest_cannot_migrate_to_the_same_nexus_and_goes_on_with_what_it_had(
    site: Site, route: Route, journey: Journey
) -> None:
    home, _ = route
    guest = journey.start(home.disk)
    assert guest.register(K) == GOOD
    assert guest.reserve(K, 5) == GOOD
    failed = journey.go(home.disk)
    assert failed is not None
    assert failed.ended()
    assert site.is_as(home.has(5))
    assert journey.write() == GOOD


@pytest.mark.parametrize(("options", "goes_along"), [("", False), (",migrate-pr=on", True)])
def test_a_machine_of_an_older_type_leaves_the_reservation_behind_unless_told_otherwise(
    site: Site, journey: Journey, options: str, goes_along: bool
) -> None:
    older: dict[str, Any] = {"machine": "pc-i440fx-10.2", "options": options}
    home, away = site.hosts["e"], site.hosts["c"]
    guest = journey.start(home.disk, **older)
    assert guest.register(K) == GOOD
    assert guest.reserve(K, 5) == GOOD
    assert journey.go(away.disk, **older) is None
    assert site.is_as((away if goes_along else home).has(5)), site.state()
    assert journey.write() == (GOOD if goes_along else CONFLICT)
