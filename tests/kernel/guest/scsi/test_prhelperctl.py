"""prhelperctl beside sg_persist on LIO: the same facts, the same changes, the same exit statuses."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.cli import main
from tests.support.nexus import Nexus
from tests.support.spc import Out

from .. import lio
from ..initiators import forget_everything
from ..package.installing import acting_as
from .scenarios import SCENARIOS, C, Step
from .test_against_sg_persist import sg_persist, state

COMMAND = {
    Out.REGISTER: "register",
    Out.RESERVE: "reserve",
    Out.RELEASE: "release",
    Out.CLEAR: "clear",
    Out.PREEMPT: "preempt",
    Out.PREEMPT_AND_ABORT: "preempt-and-abort",
    Out.REGISTER_AND_IGNORE_EXISTING_KEY: "register-ignore",
    Out.REGISTER_AND_MOVE: "register-and-move",
}
TAKES_TYPE = (Out.RESERVE, Out.RELEASE, Out.PREEMPT, Out.PREEMPT_AND_ABORT)
TAKES_KEY = set(COMMAND) - {Out.REGISTER_AND_IGNORE_EXISTING_KEY}
TAKES_NEW_KEY = set(COMMAND) - {Out.RESERVE, Out.RELEASE, Out.CLEAR}

ONE = ("register", "-S", "a1"), ("reserve", "-K", "a1", "-T", "5")


def prhelperctl(socket: Path, device: Path, step: Step) -> int:
    """Carry a step out; the exit status."""
    arguments = [COMMAND[step.action], "--force", "-k", str(socket)]
    arguments += [f"--param-rk={step.key:x}"] * (step.action in TAKES_KEY)
    arguments += [f"--param-sark={step.new:x}"] * (step.action in TAKES_NEW_KEY)
    arguments += [f"--prout-type={step.kind:x}"] * (step.action in TAKES_TYPE)
    if step.move_to is not None:
        arguments += [f"--relative-target-port={step.move_to + 1}"]
        arguments += [f"--transport-id=sas,{lio.initiator(step.move_to)}"]
    return main([*arguments, str(device)])


def can_be_said(step: Step) -> bool:
    """Whether it has values that prhelperctl has words for: it makes no command that no disk takes."""
    return step.action in COMMAND and (step.action not in TAKES_TYPE or step.kind in (1, 3, 5, 6, 7, 8))


SAYABLE = {name: steps for name, steps in SCENARIOS.items() if all(map(can_be_said, steps))}


@pytest.mark.parametrize("steps", SAYABLE.values(), ids=list(SAYABLE))
def test_change_leaves_what_sg_persist_leaves(
    devices: list[Path], direct: list[Nexus], helper_socket: Path, steps: list[Step]
) -> None:
    start = direct[C].generation()
    ours = [(prhelperctl(helper_socket, devices[step.node], step), state(direct[C], start)) for step in steps]
    forget_everything(devices)
    start = direct[C].generation()
    theirs = [(sg_persist(devices[step.node], step), state(direct[C], start)) for step in steps]
    assert ours == theirs


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def told(device: Path, option: str) -> str:
    """What sg_persist reads."""
    done = subprocess.run(["sg_persist", "--no-inquiry", "--in", option, str(device)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_read_is_what_sg_persist_reads(
    devices: list[Path], helper_socket: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ONE:
        assert main([*arguments, "--force", "-k", str(helper_socket), str(devices[0])]) == 0
    assert main(["register", "-S", "b2", "--force", "-k", str(helper_socket), str(devices[1])]) == 0
    reading = ["-k", str(helper_socket), str(devices[2])]

    keys = shown(capsys, "read-keys", *reading)
    text = told(devices[2], "--read-keys")
    assert re.findall(r"^ +(0x[0-9a-f]+)$", text, re.MULTILINE) == keys["keys"] == ["0xa1", "0xb2"]
    assert f"generation=0x{keys['generation']:x}" in text

    reservation = shown(capsys, "read-reservation", *reading)["reservation"]
    text = told(devices[2], "--read-reservation")
    assert reservation["key"] == "0xa1"
    assert "Key=0xa1" in text
    assert "type: Write Exclusive, registrants only" in text
    assert reservation["type"] == "WRITE EXCLUSIVE REGISTRANTS ONLY"

    registrants = shown(capsys, "full-status", *reading)["registrants"]
    text = told(devices[2], "--read-full-status")
    assert re.findall(r"Key=(0x[0-9a-f]+)", text) == [each["key"] for each in registrants]
    addresses = re.findall(r"SAS address: 0x([0-9a-f]+)", text)
    assert [f"naa.{address}" for address in addresses] == [each["port"] for each in registrants]
    assert [each["holds"] for each in registrants] == [True, False]

    everything = shown(capsys, "show", *reading)
    assert [each["key"] for each in everything["registrations"]] == keys["keys"]
    assert everything["reservation"] == reservation
    assert everything["disk"]["wwid"] == "3" + wwid_by_sysfs(devices[2])

    can = shown(capsys, "capabilities", *reading)
    text = told(devices[2], "--report-capabilities")
    for ours, theirs in {"crh": "(CRH)", "sip_c": "(SIP_C)", "atp_c": "(ATP_C)", "ptpl_c": "(PTPL_C)"}.items():
        assert f"{theirs}: {int(can[ours])}" in text


def wwid_by_sysfs(device: Path) -> str:
    return Path(f"/sys/block/{device.name}/device/wwid").read_text().strip().removeprefix("naa.")


@pytest.fixture
def machine(devices: list[Path]) -> Any:
    """A QEMU that has the second way to the unit, and runs nothing."""
    arguments = [
        *("-name", "guest=db1", "-machine", "q35", "-accel", "tcg", "-m", "16", "-nodefaults", "-display", "none"),
        *("-S", "-qmp", "stdio", "-device", "virtio-scsi-pci"),
        *("-blockdev", f"driver=host_device,filename={devices[1]},node-name=hd", "-device", "scsi-hd,drive=hd"),
    ]
    with subprocess.Popen(["qemu-system-x86_64", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        assert qemu.stdout is not None
        assert b"QMP" in qemu.stdout.readline()
        yield qemu
        qemu.kill()


def test_change_is_refused_while_a_machine_of_this_host_has_the_unit_and_a_registration_is_there(
    devices: list[Path], helper_socket: Path, capsys: pytest.CaptureFixture[str], machine: subprocess.Popen[bytes]
) -> None:
    on = ["-k", str(helper_socket), str(devices[0])]
    assert main(["register", "-S", "a1", *on]) == 0
    assert main(["reserve", "-K", "a1", "-T", "1", *on]) == 77
    assert f'machine "db1" (pid {machine.pid}) is registered on it, or may be' in capsys.readouterr().err
    assert main(["read-keys", *on]) == 0
    assert main(["reserve", "-K", "a1", "-T", "1", "--force", *on]) == 0


def test_user_who_may_open_the_disk_needs_no_privilege(devices: list[Path], helper_socket: Path) -> None:
    for folder in helper_socket.parents:
        folder.chmod(folder.stat().st_mode | 0o011)
    helper_socket.chmod(0o666)
    on = ["-k", str(helper_socket), str(devices[0])]
    with acting_as("nobody", "nogroup"):
        assert main([*ONE[0], *on]) == 66
    devices[0].chmod(0o666)
    try:
        with acting_as("nobody", "nogroup"):
            assert main([*ONE[0], *on]) == 0
    finally:
        devices[0].chmod(0o660)
    assert "0xa1" in told(devices[2], "--read-keys")
