"""prhelperctl check of the shipped units, and of what drop-ins make of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prhelper.ctl.check import units
from prhelper.ctl.cli import main
from prhelper.device.multipath.multipathd import ADDRESSES
from tests.support.checking import check
from tests.support.multipathd_stand_in import message, pieces, serving
from tests.support.programs import require_program

from ..thorough import THOROUGH
from . import apparmor
from .units import SERVICE, SOCKET, WORKER, changed, show, systemctl

pytestmark = pytest.mark.timeout(300)  # systemctl, journalctl and Python's start are slow in an emulated machine


@pytest.fixture(autouse=True)
def ask_systemd_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("prhelper.ctl.check.serving.PATIENCE", 100.0)
    units.properties_of.cache_clear()
    yield
    units.properties_of.cache_clear()


@contextmanager
def drop_in(unit: str, *lines: str) -> Iterator[None]:
    text = "\n".join([f"[{unit.rpartition('.')[2].capitalize()}]", *lines, ""])
    with changed(unit, "zz-changed.conf", text):
        yield


@pytest.mark.usefixtures("socket")
def test_units_as_they_are_shipped_are_healthy_started_or_not(device: Path) -> None:
    assert show(SERVICE, "ActiveState") == "inactive"
    assert check(device).codes == []
    assert show(SERVICE, "ActiveState") == "active"
    units.properties_of.cache_clear()
    assert check(device).codes == []


@pytest.mark.usefixtures("socket")
@pytest.mark.parametrize("setting", ["PrivateUsers=yes", "PrivateDevices=yes"] if THOROUGH else ["PrivateUsers=yes"])
def test_sandbox_that_takes_sg_io_away_is_found_by_its_setting_and_by_the_disk(device: Path, setting: str) -> None:
    with drop_in(SERVICE, setting):
        found = check(device)
        systemctl("stop", SERVICE)
    assert {"unit-sandbox", "commands-fail"} <= set(found.codes)
    assert found.one("unit-sandbox")["seen"] == f"{SERVICE} has {setting}"


@pytest.mark.usefixtures("socket")
def test_capability_that_is_taken_from_the_unit_is_found(device: Path) -> None:
    with drop_in(SERVICE, "AmbientCapabilities="):
        assert check(device).codes == ["no-capability", "commands-fail"]
        systemctl("stop", SERVICE)


@pytest.mark.usefixtures("socket")
def test_socket_unit_that_is_stopped_is_told_to_be(device: Path) -> None:
    systemctl("stop", SOCKET, SERVICE)
    found = check(device)
    assert found.codes == ["helper-missing"]
    assert found.one("helper-missing")["seen"].endswith(f"; {SOCKET} is inactive")


@pytest.mark.usefixtures("socket")
def test_service_that_cannot_start_is_told_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prhelper.ctl.check.serving.PATIENCE", 1.0)
    with drop_in(SERVICE, "ExecStart=", "ExecStart=/bin/false", "Restart=no"):
        assert check().codes == ["helper-silent"]
        systemctl("stop", SOCKET, SERVICE)
        systemctl("reset-failed")
        systemctl("start", SOCKET)


@pytest.fixture
def multipathd() -> Iterator[Path]:
    """A socket where multipathd has its own, with something that answers: the machine has none."""
    path = Path(ADDRESSES[0])
    with serving(path, pieces(message(b"pid 1 running\n"))):
        yield path
    path.unlink()


@pytest.mark.usefixtures("socket", "clean")
def test_multipathd_that_a_drop_in_hides_from_the_worker_is_found_and_only_then(mpath: Path, multipathd: Path) -> None:
    assert check(mpath).codes == []
    with drop_in(WORKER, f"InaccessiblePaths={multipathd}"):
        systemctl("stop", WORKER)
        finding = check(mpath).one("multipathd-unreachable")
        systemctl("stop", WORKER)
    assert finding["seen"].startswith(f"{WORKER} says: multipathd cannot be reached")
    assert finding["remedy"].startswith(f"multipathd runs, but {WORKER} does not reach it")


@pytest.mark.usefixtures("socket")
def test_daemon_of_the_service_answers_root_on_its_control_socket(
    device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read-keys", str(device)]) == 0
    capsys.readouterr()
    assert main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["sends_commands"] is True
    assert status["devices"] == 1


@pytest.mark.usefixtures("socket")
def test_what_apparmor_has_denied_is_found(tmp_path: Path) -> None:
    """The last one: the kernel's log is not forgotten."""
    require_program("apparmor_parser", "apparmor")
    assert apparmor.is_on()
    with apparmor.loaded(tmp_path):
        assert apparmor.under("prhelper", "open('/etc/shadow')").returncode == 1
    finding = check().one("denied-by-apparmor")
    assert finding["about"] == "/etc/shadow"
    assert finding["seen"].startswith("profile prhelper: open of /etc/shadow by ")
    assert "/etc/apparmor.d/local/prhelper" in finding["remedy"]
