"""Variables that a service manager set for another process, from which the helper inherited them."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import OURS, Helper
from .service import ServiceManager

AS_MAIN_PROCESS = (
    "import os, sys; os.environ['SYSTEMD_EXEC_PID'] = os.environ['WATCHDOG_PID'] = str(os.getpid());"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
WITH_OWN_DEFAULT = """\
import sys
from pathlib import Path
from prhelper import cli, devices
devices.DEFAULT_STATE_DIRECTORY = Path({!r})
sys.exit(cli.main())
"""
WATCHDOG = {"WATCHDOG_USEC": "400000"}


def as_main_process(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-c", AS_MAIN_PROCESS, *command]


def test_a_helper_that_another_service_started_does_not_speak_for_it(tmp_path: Path, manager: ServiceManager) -> None:
    env = {"NOTIFY_SOCKET": manager.address, "SYSTEMD_EXEC_PID": "1", **WATCHDOG}
    with Helper(tmp_path, env=env) as helper:
        with Client(helper.socket):
            pass
        assert helper.stop() == 0
    assert manager.waiting() == []


def test_a_helper_that_another_service_started_leaves_its_state_directory_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    env = {"STATE_DIRECTORY": f"{tmp_path}/theirs", "SYSTEMD_EXEC_PID": "1"}
    with Helper(
        tmp_path, (sys.executable, "-I", "-c", WITH_OWN_DEFAULT.format(f"{tmp_path}/ours")), ["--emulate=all"], env
    ) as helper:
        assert helper.stop() == 0
    assert list((tmp_path / "theirs").iterdir()) == []
    assert list((tmp_path / "ours").iterdir()) != []


@pytest.mark.parametrize("prepare", [as_main_process, list], ids=["named", "systemd before 248"])
def test_the_main_process_of_a_service_speaks_for_it(
    tmp_path: Path, manager: ServiceManager, prepare: type[list[str]]
) -> None:
    with Helper(tmp_path, prepare(OURS), env={"NOTIFY_SOCKET": manager.address, **WATCHDOG}) as helper:
        manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
        helper.process.terminate()
        manager.wait_for("STOPPING=1")


def test_a_daemon_speaks_for_the_service_whose_main_process_it_took_over_from(
    tmp_path: Path, manager: ServiceManager
) -> None:
    pidfile = tmp_path / "pid"
    options = ("-d", "-k", str(tmp_path / "helper.sock"), "-f", str(pidfile))
    env = {**os.environ, "NOTIFY_SOCKET": manager.address, **WATCHDOG}
    subprocess.run([*as_main_process(OURS), *options], env=env, check=True, timeout=20)
    daemon = os.pidfd_open(int(pidfile.read_text()))
    try:
        manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
    finally:
        signal.pidfd_send_signal(daemon, signal.SIGTERM)
        assert select.select([daemon], [], [], 20.0)[0], "the daemon does not stop"
        os.close(daemon)
