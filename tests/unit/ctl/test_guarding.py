"""A change is refused while a machine is registered, as the daemon says."""

import os
from pathlib import Path

import pytest

from prhelper.client import Client, run
from prhelper.ctl import disks
from prhelper.ctl.exits import Exit, ToolError
from prhelper.ctl.guarding import refuse_if_in_use

from .daemon import Daemon, registered


def try_to_change(control: Path) -> None:
    """On /dev/null, a device that no machine has as its disk."""
    with disks.opened("/dev/null", to_write=True) as (fd, disk):
        run(refuse_if_in_use(Client("/nonexistent"), fd, disk, control))


def number_of_null() -> str:
    number = Path("/dev/null").stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def test_registered_machine_is_named_in_the_refusal(tmp_path: Path) -> None:
    seen = [registered(number_of_null(), "0xa1", machine="db1")]
    with Daemon(tmp_path / "control", {"GetDevices": [{"parameters": {"devices": seen, "omitted": 0}}]}) as daemon:
        with pytest.raises(ToolError, match=r'machine "db1" \(pid 4711\) is registered.*--force') as refused:
            try_to_change(daemon.path)
        assert refused.value.status == Exit.REFUSED


@pytest.mark.parametrize(
    "seen",
    [
        registered("8:0", "0xa1", machine="db1"),
        registered(number_of_null(), "0xa1", machine="db1", connected=False),
        registered(number_of_null(), "0xa1", comm="prhelperctl"),
    ],
    ids=["on another disk", "by a process that is gone", "by ourselves"],
)
def test_what_no_machine_has_registered_may_be_changed(tmp_path: Path, seen: dict[str, object]) -> None:
    with Daemon(tmp_path / "control", {"GetDevices": [{"parameters": {"devices": [seen], "omitted": 0}}]}) as daemon:
        try_to_change(daemon.path)


def test_without_daemon_and_machine_it_may_be_changed(tmp_path: Path) -> None:
    try_to_change(tmp_path / "none")
