"""The helper needs CAP_SYS_RAWIO and keeps nothing else, whichever way it came to be unprivileged."""

from __future__ import annotations

import pwd
from contextlib import ExitStack
from pathlib import Path

from tests.support.nexus import Nexus
from tests.support.spc import CHECK_CONDITION, GOOD, Out, sense_code

from .. import helper
from ..initiators import through_helper

ONLY_SYS_RAWIO = f"{1 << 17:016x}"

AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
WITH_SYS_RAWIO = ("--inh-caps=-all,+sys_rawio", "--ambient-caps=+sys_rawio", "--bounding-set=-all,+sys_rawio")


def threads(pid: int) -> list[dict[str, str]]:
    """The status of every thread of a process, as /proc tells it."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]


def registers(nexus: Nexus) -> bool:
    return nexus.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD


def test_started_as_root_for_nobody_every_thread_keeps_just_the_one_capability(
    devices: list[Path], tmp_path: Path
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with ExitStack() as stack:
        process = stack.enter_context(helper.running(tmp_path / "socket", "-u", "nobody"))
        nexuses = [through_helper(device, tmp_path / "socket", stack) for device in devices]
        assert all(registers(nexus) for nexus in nexuses)
        for status in threads(process.pid):
            assert status["Uid"].split() == [str(nobody)] * 4
            assert status["Groups"].split() == []
            assert (status["CapPrm"], status["CapEff"]) == (ONLY_SYS_RAWIO, ONLY_SYS_RAWIO)
            assert int(status["CapBnd"], 16) == 0
            assert int(status["CapAmb"], 16) == 0
            assert status["NoNewPrivs"] == "1"


def test_started_unprivileged_with_the_ambient_capability_it_works(devices: list[Path], tmp_path: Path) -> None:
    helper.let_everybody_run_it()
    with ExitStack() as stack:
        process = stack.enter_context(helper.running(tmp_path / "socket", under=(*AS_NOBODY, *WITH_SYS_RAWIO)))
        assert registers(through_helper(devices[0], tmp_path / "socket", stack))
        assert {status["CapEff"] for status in threads(process.pid)} == {ONLY_SYS_RAWIO}


def test_started_without_any_capability_the_kernels_refusal_is_the_guests_to_see(
    devices: list[Path], tmp_path: Path
) -> None:
    helper.let_everybody_run_it()
    with ExitStack() as stack:
        stack.enter_context(helper.running(tmp_path / "socket", under=AS_NOBODY))
        nexus = through_helper(devices[0], tmp_path / "socket", stack)
        for answer in (nexus.read(0), nexus.write(Out.REGISTER, new=0xA)):
            assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, (0x0B, 0x00, 0x06))
            assert answer.payload == b""
