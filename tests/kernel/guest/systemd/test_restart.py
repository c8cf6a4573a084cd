"""A restart by the real systemd, of daemon and worker: what is connected stays connected."""

from __future__ import annotations

import resource
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from tests.support.client import Client, HungUpError
from tests.support.helper import wait_until
from tests.support.nexus import Holder, Nexus
from tests.support.spc import APTPL, GOOD, In, Out, reserve_in
from tests.support.virtual_machine.journey import Journey
from tests.support.virtual_machine.machine import Disk

from .. import virtual_machine
from ..freezer import frozen
from ..initiators import through_helper
from ..thorough import THOROUGH
from ..trace import Trace
from .conftest import nexus
from .test_multipath_worker import wait_for_log
from .units import LOG, SERVICE, WORKER, WORKER_SOCKET, changed, listens_at, main_pid, show, systemctl, with_options

pytestmark = [pytest.mark.usefixtures("clean"), pytest.mark.timeout(300)]

WMEM_MAX = Path("/proc/sys/net/core/wmem_max")
RESTARTS = 10 if THOROUGH else 2
MANY = 1024 if THOROUGH else 16
"""Clients: as many as one account may have, half of --max-clients."""


@contextmanager
def restarting(unit: str) -> Iterator[subprocess.Popen[bytes]]:
    """Restart it meanwhile."""
    with subprocess.Popen(["systemctl", "restart", unit]) as process:
        yield process
    assert process.returncode == 0


def goes_on(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has not ended, a moment later: the emulated machine has one processor for all."""
    try:
        process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return True
    return False


@pytest.mark.timeout(900 if THOROUGH else 300)
def test_a_virtual_machine_registers_and_reserves_through_restarts_and_its_qemu_notices_none(
    device: Path, socket: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        journey = Journey(virtual_machine.program(), tmp_path)
        stack.callback(journey.end)
        machine = journey.start(Disk(device, socket))
        pids = set()
        commands = 0
        for key in range(0xA, 0xA + RESTARTS):
            assert machine.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=key).status == GOOD
            pids.add(main_pid(SERVICE))
            with restarting(SERVICE) as process:
                while goes_on(process):
                    assert machine.write(Out.RESERVE, key=key, kind=5).status == GOOD
                    commands += 1
            assert machine.reservation() == Holder(key, 5)
        assert len(pids) == RESTARTS
        assert machine.clear(key) == GOOD
        assert journey.here.status_changes() == []
        print(f"{commands} commands during {RESTARTS} restarts")


@contextmanager
def little_room() -> Iterator[None]:
    """While this lasts, systemd keeps one mailbox for the service, and the kernel two messages in it."""
    before = WMEM_MAX.read_text()
    WMEM_MAX.write_text("65536")
    with changed(SERVICE, "store.conf", "[Service]\nFileDescriptorStoreMax=1\n"):
        yield
    WMEM_MAX.write_text(before)


ROOMS: dict[str, Callable[[], AbstractContextManager[None]]] = {"for all": nullcontext, "for some": little_room}


@pytest.mark.parametrize("room", ROOMS if THOROUGH else ["for all"])
def test_clients_for_which_there_is_room_stay_connected_until_the_unit_is_stopped(
    socket: Path, tmp_path: Path, room: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(512))
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY + 100, 2 * MANY + 100))
    with ROOMS[room](), with_options(f"--max-clients-per-process={MANY}"), ExitStack() as stack:
        clients = [stack.enter_context(Client(socket, timeout=200)) for _ in range(MANY)]
        opened = stack.enter_context(file.open("r+b"))
        began = time.monotonic()
        systemctl("restart", SERVICE)
        print(f"the restart took {time.monotonic() - began:.1f} s")
        lost = hung_up(clients)
        print(f"{len(lost)} of {MANY} clients were hung up on")
        wait_for_log(f"took over {MANY - len(lost)} connections")
        assert (0 < len(lost) < MANY) if room == "for some" else not lost
        assert ("systemd keeps no more (FileDescriptorStoreMax=); hung up" in LOG.read_text()) == bool(lost)
        for client in clients:
            if client not in lost:
                assert len(client.command(opened.fileno(), reserve_in(0)).sense) == 96
        systemctl("stop", SERVICE)
        assert hung_up(clients) == clients


def hung_up(clients: list[Client]) -> list[Client]:
    """Those at whose other end nobody is."""
    poll = select.poll()
    for client in clients:
        poll.register(client.socket, 0)
    gone = {fd for fd, _ in poll.poll(0)}
    return [client for client in clients if client.socket.fileno() in gone]


def get_stuck(nexus: Nexus) -> None:
    with suppress(HungUpError, OSError):  # OSError: the test is over
        nexus.write(Out.REGISTER, new=0xA, flags=APTPL)


def seconds_to_stop(service: str) -> float:
    """How long it took, the last time."""
    began, ended = (show(service, f"{name}TimestampMonotonic") for name in ("ActiveExit", "InactiveEnter"))
    return (int(ended) - int(began)) / 1_000_000


def ask(client: Client, fd: int) -> int:
    return client.command(fd, reserve_in(0)).status


def systemd() -> int:
    """Its version. Since 257 it sees at once that a process has ended of which a thread is stuck."""
    return int(systemctl("--version").split()[1])


def test_where_a_command_is_stuck_systemd_soon_starts_the_next_and_all_others_are_served(
    device: Path, socket: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(512))
    with with_options("--stop-timeout", "1"), ExitStack() as stack:
        other = stack.enter_context(Client(socket, timeout=200))
        stuck = through_helper(device, socket, stack)
        opened = stack.enter_context(file.open("r+b"))
        ask(other, opened.fileno())
        stack.enter_context(frozen())
        trace = stack.enter_context(Trace())
        threading.Thread(target=get_stuck, args=(stuck,), daemon=True).start()
        trace.wait_for("start")
        old = main_pid(SERVICE)
        longest = 0.0
        with restarting(SERVICE) as process:
            while goes_on(process):
                began = time.monotonic()
                ask(other, opened.fileno())
                longest = max(longest, time.monotonic() - began)
        assert main_pid(SERVICE) not in (0, old)
        assert Path(f"/proc/{old}").exists()
        assert seconds_to_stop(SERVICE) < (8 if systemd() >= 257 else 16)
        print(
            f"with a command stuck, a client waited for {longest:.1f} s, systemd for {seconds_to_stop(SERVICE):.1f} s"
        )


def test_the_worker_is_restarted_and_no_command_on_a_map_notices(
    devices: list[Path], mpath: Path, socket: Path
) -> None:
    with nexus(mpath, socket) as client, Client(listens_at(WORKER_SOCKET), negotiate=False, timeout=60) as waiting:
        assert waiting.receive(4) == b"\x80\0\0\0"
        waiting.send(bytes(4))
        for key in range(0xA, 0xA + RESTARTS // 2):
            assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=key).status == GOOD
            systemctl("restart", WORKER)
            assert client.keys() == [key, key]
        assert client.clear(key) == GOOD
        with devices[0].open("r+b") as opened:
            assert len(waiting.command(opened.fileno(), reserve_in(0)).sense) == 96


def test_a_sequence_that_the_worker_has_begun_is_finished_before_it_is_restarted(mpath: Path, socket: Path) -> None:
    with nexus(mpath, socket) as client, frozen() as freezer, Trace() as trace, ThreadPoolExecutor() as pool:
        wait_until(lambda: client.read(In.READ_KEYS).status == GOOD, timeout=60, what="the worker to be active")
        old = main_pid(WORKER)
        asked = pool.submit(client.write, Out.REGISTER, new=0xA, flags=APTPL)
        wait_until(lambda: trace.started() > 0, timeout=60, what="the command to be on the path")
        with restarting(WORKER):
            wait_until(lambda: show(WORKER, "ActiveState") == "deactivating", what="the worker to be told to stop")
            freezer.thaw()
            assert asked.result(60).status == GOOD
        assert main_pid(WORKER) not in (0, old)
        assert client.keys() == [0xA, 0xA]
        assert client.clear(0xA) == GOOD
