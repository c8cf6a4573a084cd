"""A guest with emulated reservations migrates: one helper serves both QEMUs, which are two initiators or one.

The guest's disk is a device without reservations; QEMU takes it for a SCSI disk by a preloaded library. The same with
real reservations and one helper a host is in tests/kernel/guest/migration.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import Helper
from ...support.nexus import Holder, Nexus, over
from ...support.programs import compile_library
from ...support.spc import ALL_REGISTRANTS, CONFLICT, GOOD, TYPES, In
from ...support.virtual_machine.journey import Journey
from ...support.virtual_machine.machine import Disk, Program
from .pair import opened
from .version import programs

K, OTHER = 0xAAA, 0xBBB
ROOT, NOBODY = 0, 65534
PTPL_A = 1

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")

ONE_INITIATOR = {"uid": "uid {uid}", "host": "host"}

Start = Callable[..., Helper]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that every user gets to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def journey(scratch: Path) -> Iterator[Journey]:
    qemu = programs()
    if qemu.version < (11, 0):
        pytest.skip(f"QEMU {qemu.version[0]}.{qemu.version[1]} migrates no reservations: PRHELPER_SUITE=forky")
    library = compile_library(Path(__file__).with_name("guest_disk.c"), scratch)
    journey = Journey(Program(qemu.emulator, {**qemu.environment, "LD_PRELOAD": str(library)}), scratch)
    yield journey
    journey.end()


@pytest.fixture
def start(scratch: Path) -> Iterator[Start]:
    """Start a helper that emulates, with a rule of --emulate-nexus."""
    with ExitStack() as stack:

        def start(rule: str, name: str = "helper") -> Helper:
            folder = scratch / name
            folder.mkdir()
            options = ["--emulate", f"--emulate-nexus={rule}", f"--state-directory={folder}/state"]
            return stack.enter_context(Helper(folder, options=[*options, "--socket-mode=666"]))

        yield start


def disk(helper: Helper) -> Disk:
    return Disk(Path("/dev/null"), helper.socket)


@contextmanager
def another(helper: Helper) -> Iterator[Nexus]:
    """Another initiator."""
    with Client(helper.socket) as client, opened("/dev/null") as fd:
        yield Nexus(over(client, fd))


def register(guest: Nexus, kind: int) -> None:
    """And reserve, if there is a type."""
    assert guest.register(K) == GOOD
    assert not kind or guest.reserve(K, kind) == GOOD


def has(guest: Nexus, kind: int) -> bool:
    """Whether it alone is registered, and holds a reservation of this type unless it is 0."""
    return guest.keys() == [K] and guest.reservation() == (Holder(K, kind) if kind else None)


@pytest.mark.parametrize("kind", [0, *(kind for kind in TYPES if kind not in ALL_REGISTRANTS)])
@pytest.mark.parametrize("rule", ["process", "connection"])
def test_a_guest_goes_there_and_back_and_what_it_has_goes_along(
    start: Start, journey: Journey, rule: str, kind: int
) -> None:
    unit = disk(start(rule))
    guest = journey.start(unit)
    register(guest, kind)
    for _ in range(2):
        assert journey.go(unit) is None
        assert has(guest, kind)
    assert not kind or guest.release(K, kind) == GOOD
    assert guest.register(0, key=K) == GOOD
    assert guest.keys() == []


@AS_ROOT
@pytest.mark.parametrize("kind", [0, 5])
def test_where_users_are_initiators_a_guest_goes_to_another_user_and_back(
    start: Start, journey: Journey, kind: int
) -> None:
    unit = disk(start("uid"))
    guest = journey.start(unit, user=NOBODY)
    register(guest, kind)
    for user in (ROOT, NOBODY):  # at the end a unit attention is due to it: its registration was preempted
        assert journey.go(unit, user=user) is None
        assert has(guest, kind)


@pytest.mark.parametrize("kind", [0, 1, 5])
def test_a_guest_whose_migration_fails_late_goes_on_with_what_it_had(start: Start, journey: Journey, kind: int) -> None:
    good, refusing = disk(start("process")), disk(start("host", "refusing"))
    guest = journey.start(good, refusing)
    register(guest, kind)
    register(journey.view(1), 0)
    failed = journey.go(good, refusing)
    assert failed is not None
    assert failed.ended()
    assert has(guest, kind)
    assert not kind or guest.release(K, kind) == GOOD
    assert guest.register(0, key=K) == GOOD


@pytest.mark.parametrize("kind", ALL_REGISTRANTS)
def test_a_reservation_of_all_registrants_stays_if_there_is_another_registrant(
    start: Start, journey: Journey, kind: int
) -> None:
    helper = start("process")
    guest = journey.start(disk(helper))
    register(guest, kind)
    with another(helper) as other:
        assert other.register(OTHER) == GOOD
        assert journey.go(disk(helper)) is None
        assert (sorted(guest.keys()), guest.reservation()) == ([K, OTHER], Holder(0, kind))
        assert other.register(0, key=OTHER) == GOOD
        assert journey.go(disk(helper)) is None
        assert (guest.keys(), guest.reservation()) == ([K], None)


@pytest.mark.parametrize("kind", [0, 1, 5])
def test_a_guest_that_was_fenced_meanwhile_is_still_fenced_where_it_arrives(
    start: Start, journey: Journey, kind: int
) -> None:
    helper = start("process")
    guest = journey.start(disk(helper))
    register(guest, kind)
    with another(helper) as other:
        assert other.register(OTHER) == GOOD
        assert other.preempt(OTHER, K, kind or 5) == GOOD
        assert other.reserve(OTHER, kind or 5) == GOOD
        assert journey.go(disk(helper)) is None
        assert (other.keys(), other.reservation()) == ([OTHER], Holder(OTHER, kind or 5))
        assert guest.reserve(K, kind or 5) == CONFLICT


@pytest.mark.parametrize("rule", ONE_INITIATOR)
def test_a_guest_cannot_migrate_to_the_same_initiator_and_the_log_says_why(
    start: Start, journey: Journey, rule: str
) -> None:
    helper = start(rule)
    guest = journey.start(disk(helper))
    register(guest, 5)
    failed = journey.go(disk(helper))
    assert failed is not None
    assert failed.ended()
    assert "PERSISTENT RESERVE OUT with REGISTER" in failed.said()
    initiator = ONE_INITIATOR[rule].format(uid=os.getuid())
    helper.wait_for_log(f"{initiator} has registered key {K:#x} already. If a migration was to bring it here")
    assert guest.reservation() == Holder(K, 5)
    assert guest.release(K, 5) == GOOD


def test_a_guest_that_migrates_to_a_helper_with_another_emulated_unit_arrives_without_what_it_had(
    start: Start, journey: Journey
) -> None:
    home, away = start("process"), start("process", "away")
    guest = journey.start(disk(home))
    register(guest, 5)
    assert journey.go(disk(away)) is None
    assert (guest.keys(), guest.reservation()) == ([], None)


def test_without_a_helper_the_destination_does_not_start(start: Start, journey: Journey, scratch: Path) -> None:
    guest = journey.start(disk(start("process")))
    register(guest, 5)
    with pytest.raises(EOFError, match="Failed to connect to"):
        journey.go(Disk(Path("/dev/null"), scratch / "nothing"))
    assert has(guest, 5)


def test_registrations_no_longer_survive_a_power_loss_after_a_migration(start: Start, journey: Journey) -> None:
    unit = disk(start("process"))
    guest = journey.start(unit)
    assert guest.register(K, aptpl=True) == GOOD
    assert guest.good(In.REPORT_CAPABILITIES)[3] & PTPL_A
    assert journey.go(unit) is None
    assert not guest.good(In.REPORT_CAPABILITIES)[3] & PTPL_A
