"""A restart by the real systemd, of daemon and worker: what is connected stays connected."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.client import Client, HungUpError
from tests.support.nexus import Holder, Nexus
from tests.support.spc import APTPL, GOOD, Out, reserve_in

from ..freezer import frozen
from ..initiators import through_helper
from ..trace import Trace
from .conftest import nexus
from .units import LOG, SERVICE, WORKER, WORKER_SOCKET, listens_at, main_pid, systemctl, with_options

pytestmark = pytest.mark.usefixtures("clean")


def get_stuck(nexus: Nexus) -> None:
    with suppress(HungUpError, OSError):  # OSError: the test is over
        nexus.write(Out.REGISTER, new=0xA, flags=APTPL)


def ask(client: Client, fd: int) -> int:
    return client.command(fd, reserve_in(0)).status


@pytest.mark.timeout(200)
def test_a_client_registers_and_reserves_through_restarts_on_one_connection(device: Path, socket: Path) -> None:
    with nexus(device, socket) as client:
        pids = set()
        for key in range(0xA, 0xA + 5):
            assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=key).status == GOOD
            pids.add(main_pid(SERVICE))
            b = time.monotonic()
            systemctl("restart", SERVICE)
            print("restart took", time.monotonic() - b, flush=True)
            print(LOG.read_text(), flush=True)
            assert client.write(Out.RESERVE, key=key, kind=5).status == GOOD
            assert client.reservation() == Holder(key, 5)
        assert len(pids) == 5
        assert client.clear(0xA + 4) == GOOD
    assert "took over 1 connections" in LOG.read_text()


def test_a_stop_hangs_up(device: Path, socket: Path) -> None:
    with Client(socket, timeout=60) as client, device.open("rb") as opened:
        ask(client, opened.fileno())
        systemctl("stop", SERVICE)
        assert client.hung_up()


@pytest.mark.timeout(300)
def test_where_a_command_is_stuck_the_others_are_served_again_once_systemd_gives_up(
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
        restarting = subprocess.Popen(["systemctl", "restart", SERVICE])
        longest = 0.0
        while restarting.poll() is None or longest == 0.0:
            began = time.monotonic()
            ask(other, opened.fileno())
            longest = max(longest, time.monotonic() - began)
        assert main_pid(SERVICE) not in (0, old)
        print(f"with a command stuck, a client waited for {longest:.1f} s")


@pytest.mark.timeout(200)
def test_the_worker_is_restarted_and_no_command_on_a_map_notices(
    devices: list[Path], mpath: Path, socket: Path
) -> None:
    with nexus(mpath, socket) as client, Client(listens_at(WORKER_SOCKET), negotiate=False, timeout=60) as waiting:
        assert waiting.receive(4) == b"\x80\0\0\0"
        waiting.send(bytes(4))
        for key in (0xA, 0xB, 0xC):
            assert client.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=key).status == GOOD
            systemctl("restart", WORKER)
            assert client.keys() == [key, key]
        assert client.clear(0xC) == GOOD
        with devices[0].open("r+b") as opened:
            assert len(waiting.command(opened.fileno(), reserve_in(0)).sense) == 96
