"""The package under the real systemd: installed, upgraded, purged, and beside QEMU's own helper."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.nexus import Holder, Nexus
from tests.support.pr_manager import PrManager
from tests.support.spc import APTPL, GOOD, Out
from tests.support.virtual_machine.journey import Journey
from tests.support.virtual_machine.machine import Disk

from .. import virtual_machine
from ..initiators import opened, through_helper
from ..systemd.units import LOG, SERVICE, SOCKET, WORKER, WORKER_SOCKET, listens_at, show, systemctl
from .installing import (
    GROUP,
    USER,
    acting_as,
    configure,
    forget_that_it_was_ever_installed,
    install,
    installed,
    purge,
    version,
    what_is_there,
)

THEIRS = Path("/run/systemd/system/qemu-pr-helper.socket")
EMULATING = Path(f"/etc/systemd/system/{SERVICE}.d/emulate.conf")
HELPER_OF_QEMU = "/usr/bin/qemu-pr-helper"

pytestmark = pytest.mark.timeout(600)  # dpkg and the compiler of Python are slow in an emulated machine


def test_installation_listens_and_starts_nothing(first: Path) -> None:
    assert (show(SOCKET, "ActiveState"), show(SOCKET, "UnitFileState")) == ("active", "enabled")
    assert show(SERVICE, "ActiveState") == "inactive"
    assert stat.filemode(first.stat().st_mode) == "srw-rw----"
    assert first.group() == GROUP
    assert (show(WORKER_SOCKET, "ActiveState"), show(WORKER, "ActiveState")) == ("active", "inactive")


def test_qemus_user_reserves_a_disk_without_further_ado(first: Path, disk: Path) -> None:
    with acting_as(USER, GROUP), ExitStack() as stack:
        client = through_helper(disk, first, stack)
        assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD
        assert client.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        assert (client.keys(), client.reservation()) == ([0xA], Holder(0xA, 5))
        assert client.write(Out.CLEAR, key=0xA).status == GOOD


def test_user_outside_the_group_is_kept_out(first: Path) -> None:
    with acting_as("nobody", "nogroup"), pytest.raises(PermissionError):
        Client(first)


@pytest.mark.usefixtures("first")
def test_socket_that_the_admin_disabled_stays_so() -> None:
    systemctl("disable", "--now", SOCKET)
    configure(after=version(1))
    assert (show(SOCKET, "ActiveState"), show(SOCKET, "UnitFileState")) == ("inactive", "disabled")
    systemctl("enable", "--now", SOCKET)


@contextmanager
def helper_of_qemu_by_hand() -> Iterator[None]:
    with subprocess.Popen([HELPER_OF_QEMU]) as helper:
        while not Path("/run/qemu-pr-helper.sock").exists():
            pass
        try:
            yield
        finally:
            helper.terminate()


@contextmanager
def helper_of_qemu_by_its_units() -> Iterator[None]:
    options = "[Unit]\nDefaultDependencies=no\n"
    THEIRS.write_text(f"{options}[Socket]\nListenStream=/run/qemu-pr-helper.sock\nSocketMode=0600\n")
    THEIRS.with_suffix(".service").write_text(f"{options}[Service]\nExecStart={HELPER_OF_QEMU}\n")
    systemctl("daemon-reload")
    systemctl("start", THEIRS.name)
    try:
        yield
    finally:
        systemctl("stop", THEIRS.name)


def test_installed_beside_qemus_helper_it_disturbs_nothing(first: Path) -> None:
    systemctl("disable", "--now", SOCKET)
    forget_that_it_was_ever_installed()
    with helper_of_qemu_by_hand():
        listening = first.stat().st_ino
        assert f"{SOCKET} is not enabled: another helper serves {first}" in configure()
        assert show(SOCKET, "UnitFileState") == "disabled"
        with pytest.raises(RuntimeError):
            systemctl("start", SOCKET)
        assert show(SOCKET, "Result") == "exit-code"
        assert first.stat().st_ino == listening
        Client(first).close()
    systemctl("enable", "--now", SOCKET)
    Client(first).close()


def test_unit_that_is_started_takes_the_place_of_the_other(first: Path) -> None:
    with helper_of_qemu_by_its_units():
        states = {unit: show(unit, "ActiveState") for unit in (SOCKET, THEIRS.name)}
        assert states == {SOCKET: "inactive", THEIRS.name: "active"}
        Client(first).close()
        systemctl("start", SOCKET)
        states = {unit: show(unit, "ActiveState") for unit in (SOCKET, THEIRS.name)}
        assert states == {SOCKET: "active", THEIRS.name: "inactive"}
        Client(first).close()
    assert show(SERVICE, "ActiveState") == "active"


@pytest.fixture
def machine(first: Path, tmp_path: Path) -> Iterator[Nexus]:
    """An emulated disk that a virtual machine has registered with and reserved, with APTPL."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(4096))
    EMULATING.parent.mkdir(parents=True, exist_ok=True)
    EMULATING.write_text(f"[Service]\nExecStart=\nExecStart=/usr/bin/prhelper --emulate\nStandardError=append:{LOG}\n")
    systemctl("daemon-reload")
    systemctl("try-restart", SERVICE)
    with ExitStack() as stack:
        fd = opened(disk, stack)
        manager = stack.enter_context(closing(PrManager(first)))
        machine = Nexus(lambda cdb, data, _allocation: manager.execute(fd, cdb, data))
        assert machine.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA, flags=APTPL).status == GOOD
        assert machine.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        yield machine


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    journey = Journey(virtual_machine.program(), tmp_path)
    yield journey
    journey.end()


def test_upgrade_and_downgrade_cost_no_command_and_no_reservation_and_qemu_notices_none(
    first: Path, disk: Path, machine: Nexus, journey: Journey
) -> None:
    real = journey.start(Disk(disk, first))
    assert real.register(0xB) == GOOD
    for other in (2, 1):
        listening, running = first.stat().st_ino, show(SERVICE, "MainPID")
        with ThreadPoolExecutor() as pool:
            installing = pool.submit(install, other)
            while not wait([installing], timeout=1).done:
                assert (real.reserve(0xB), real.holder(), real.release(0xB)) == (GOOD, 0xB, GOOD)
                assert (machine.keys(), machine.reservation()) == ([0xA], Holder(0xA, 5))
            installing.result()
        assert installed() == version(other)
        assert first.stat().st_ino == listening
        assert show(SERVICE, "MainPID") not in ("0", running)
        assert real.reserve(0xB) == GOOD
    assert real.clear(0xB) == GOOD
    assert journey.here.status_changes() == []


def test_state_that_a_newer_version_wrote_is_refused_by_name_and_kept(machine: Nexus) -> None:
    systemctl("stop", SERVICE)
    state = Path("/var/lib/prhelper/emulated.sqlite")
    written = state.read_bytes()
    with sqlite3.connect(state) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    LOG.write_bytes(b"")
    with pytest.raises(RuntimeError):
        systemctl("start", SERVICE)
    assert "the state was written by a newer prhelper (version 99" in LOG.read_text()
    assert show(SOCKET, "ActiveState") == "active"
    systemctl("stop", SERVICE)
    state.write_bytes(written)
    assert (machine.keys(), machine.reservation()) == ([0xA], Holder(0xA, 5))


def test_purge_leaves_nothing(before: dict[str, str]) -> None:
    if installed() is None:
        install(1)
    Client(listens_at(SOCKET)).close()
    EMULATING.unlink(missing_ok=True)
    purge()
    assert installed() is None
    assert {path: text for path, text in what_is_there().items() if before.get(path) != text} == {}
