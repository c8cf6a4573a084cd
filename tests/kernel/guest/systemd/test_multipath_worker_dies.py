"""What a multipath worker leaves that dies, or ends with the machine, and who looks after it then."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.helper import wait_until
from tests.support.spc import APTPL, CHECK_CONDITION, GOOD, Codes, In, Out, reserve_in, sense_code

from ..freezer import frozen
from ..initiators import straight
from ..trace import Trace
from .conftest import nexus
from .units import SERVICE, SOCKET, WORKER, WORKER_SOCKET, main_pid, show, systemctl

pytestmark = pytest.mark.usefixtures("clean")

LUN_COMMUNICATION_FAILURE: Codes = (0x0B, 0x08, 0x00)


@pytest.mark.timeout(200)
def test_worker_starts_with_its_socket_if_it_has_left_something_and_else_not(mpath: Path, socket: Path) -> None:
    with nexus(mpath, socket) as client:
        assert client.register(0xA) == GOOD
        restart_as_a_machine_does()
        wait_until(lambda: show(WORKER, "ActiveState") == "active", timeout=150, what="the worker to be active")
        assert show(SERVICE, "ActiveState") == "inactive"
    with nexus(mpath, socket) as client:
        assert client.clear(0xA) == GOOD
        restart_as_a_machine_does()
    assert show(WORKER, "ActiveState") == "inactive"
    assert show(WORKER, "Job") in ("", "0")


def restart_as_a_machine_does() -> None:
    """Stop everything, and let the sockets listen again."""
    systemctl("stop", SOCKET, WORKER_SOCKET, SERVICE, WORKER)
    systemctl("start", SOCKET, WORKER_SOCKET)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGABRT])
def test_worker_that_dies_with_a_command_on_a_dead_path_is_told_to_be_tried_again_and_the_next_one_repairs(
    devices: list[Path], mpath: Path, socket: Path, death: signal.Signals, tmp_path: Path
) -> None:
    """The kernel lets go of the command, and of the connection, when the path answers; the others are served before."""
    file = tmp_path / "file"
    file.write_bytes(bytes(512))
    with nexus(mpath, socket) as client, Client(socket, timeout=60) as other, file.open("r+b") as opened:
        wait_until(lambda: client.read(In.READ_KEYS).status == GOOD, timeout=60, what="the worker to be active")
        with frozen() as freezer, Trace() as trace, ThreadPoolExecutor() as pool:
            asked = pool.submit(client.write, Out.REGISTER, new=0xA, flags=APTPL)
            wait_until(lambda: trace.started() > 0, timeout=60, what="the command to be on the path")
            os.kill(main_pid(WORKER), death)
            assert other.command(opened.fileno(), reserve_in(0)).status == CHECK_CONDITION
            freezer.thaw()
            result = asked.result(60)
        assert (result.status, sense_code(result.sense)) == (CHECK_CONDITION, LUN_COMMUNICATION_FAILURE)
        with ExitStack() as stack:
            nobody_is_registered = straight(devices[2], stack)
            wait_until(lambda: nobody_is_registered.keys() == [], timeout=60, what="what it left to be undone")
        assert client.register(0xA) == GOOD
        assert client.keys() == [0xA, 0xA]
        assert client.clear(0xA) == GOOD
