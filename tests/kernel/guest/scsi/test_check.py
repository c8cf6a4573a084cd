"""prhelperctl check: every cause that lies in a disk, or in how a virtual machine has it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prhelper.ctl.cli import main
from tests.support.checking import check
from tests.support.client import Client
from tests.support.idle_qemu import start_idle_qemu

from .. import helper, lio
from ..initiators import generic
from ..modules import modprobe
from ..partition import partition_of
from .test_device_mapper import Make, linear, make, sectors

__all__ = ["make"]

Start = Callable[..., subprocess.Popen[bytes]]

DM_ON_CRYPT = "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-test"


@pytest.fixture
def control(helper_socket: Path) -> Path:
    """Where there is no daemon to ask: what is found here is found without."""
    return helper_socket.with_name("no-control")


def served(socket: Path) -> Path:
    """A helper that was started just now may take longer here than `check` waits for it."""
    Client(socket, timeout=60).close()
    return socket


@pytest.fixture
def on(helper_socket: Path, control: Path) -> list[str]:
    served(helper_socket)
    return ["-k", str(helper_socket), "-c", str(control)]


@pytest.fixture
def start(helper_socket: Path) -> Iterator[Start]:
    """Starts a QEMU that runs nothing, with these disks; returns when it is up."""
    manager = ("-object", f"pr-manager-helper,id=pr0,path={helper_socket}")
    with ExitStack() as stack:
        yield lambda name, *options: start_idle_qemu(stack, name, *manager, *options)


def disk(device: Path, driver: str = "scsi-block", manager: str = ",pr-manager=pr0", more: str = "") -> tuple[str, ...]:
    node = f"driver=host_device,filename={device},node-name={device.name}{manager}"
    return "-blockdev", node, "-device", f"{driver},drive={device.name}{more}"


def test_healthy_disk_by_its_block_and_its_generic_device(devices: list[Path], on: list[str]) -> None:
    assert check(*on, devices[0]).codes == []
    assert check(*on, generic(devices[0])).codes == []


def test_registered_and_reserved_disk_is_healthy_and_stays_as_it_is(
    devices: list[Path], on: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (("register", "-S", "a1"), ("reserve", "-K", "a1", "-T", "5")):
        assert main([*arguments, *on, str(devices[0])]) == 0
    capsys.readouterr()
    before = shown(devices[1], on, capsys)
    assert check(*on, devices[0]).codes == []
    assert shown(devices[1], on, capsys) == before


def shown(device: Path, on: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["full-status", *on[:2], str(device)]) == 0
    return capsys.readouterr().out


def test_read_only_disk(devices: list[Path], on: list[str]) -> None:
    subprocess.run(["blockdev", "--setro", devices[0]], check=True)
    try:
        found = check(*on, devices[0])
    finally:
        subprocess.run(["blockdev", "--setrw", devices[0]], check=True)
    assert found.codes == ["read-only"]


def test_partition_and_a_partition_that_is_read_only(devices: list[Path], on: list[str]) -> None:
    with partition_of(devices[0], 2048, 4096) as partition:
        found = check(*on, partition)
        assert found.codes == ["part-of-disk"]
        assert found.one("part-of-disk")["seen"] == f"it is a part of {devices[0].name}"
        subprocess.run(["blockdev", "--setro", partition], check=True)
        assert check(*on, partition).codes == ["read-only", "part-of-disk"]


def test_volumes(devices: list[Path], on: list[str], make: Make) -> None:
    first, second = devices[:2]
    assert check(*on, make("whole", linear(first))).codes == []
    assert check(*on, make("half", linear(first, part=2))).codes == ["part-of-disk"]
    both = make("both", linear(first), linear(second, start=sectors(first)))
    assert check(*on, both).codes == ["on-several-disks"]
    assert check(*on, make("nothing", "0 1000 error")).codes == ["not-a-disk"]


def test_encrypted_disk_made_by_cryptsetup_or_by_hand(devices: list[Path], on: list[str], make: Make) -> None:
    by_name = make("luks", linear(devices[0]), uuid=DM_ON_CRYPT)
    assert check(*on, by_name).codes == ["on-crypt"]
    above = make("above", f"0 100 linear {by_name} 0")
    assert check(*on, above).codes == ["on-crypt"]
    modprobe("dm_crypt")
    modprobe("crypto_null")
    by_hand = make("crypt", f"0 {sectors(devices[1])} crypt cipher_null-ecb - 0 {devices[1]} 0")
    found = check(*on, by_hand)
    assert found.codes == ["on-crypt"]
    assert found.one("on-crypt")["seen"] == "crypt is encrypted"


def test_disk_without_reservations(scsi_debug: Path, on: list[str]) -> None:
    found = check(*on, scsi_debug)
    assert found.codes == ["no-reservations"]
    assert "invalid command operation code" in found.one("no-reservations")["seen"]


def test_disk_that_is_not_scsi(on: list[str], tmp_path: Path) -> None:
    modprobe("loop")
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    device = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=True)
    try:
        assert check(*on, device.stdout.strip()).codes == ["not-scsi"]
    finally:
        subprocess.run(["losetup", "--detach", device.stdout.strip()], check=True)


def test_no_disk_at_all(on: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(512))
    assert check(*on, tmp_path / "none").codes == ["disk-missing"]
    assert check(*on, tmp_path / "file").codes == ["not-a-disk"]
    assert check(*on, "/dev/null").codes == ["not-scsi"]


def test_disk_whose_cable_is_pulled(devices: list[Path], on: list[str]) -> None:
    with lio.offline(0):
        found = check(*on, devices[0])
    assert found.codes == ["disk-fails"]


def test_helper_that_may_not_send_commands_is_found_by_itself_and_by_the_disk(
    devices: list[Path], tmp_path: Path, control: Path
) -> None:
    path = tmp_path / "socket"
    with helper.running(path, under=("setpriv", "--bounding-set=-sys_rawio")):
        found = check("-k", served(path), "-c", control, devices[0])
    # The socket was bound by this test, which has the capability; the helper is found all the same.
    assert found.codes == ["no-capability", "commands-fail"]


def test_user_who_may_not_open_the_disk(devices: list[Path], on: list[str], helper_socket: Path) -> None:
    for folder in helper_socket.parents:
        folder.chmod(folder.stat().st_mode | 0o011)
    helper_socket.chmod(0o666)
    found = check(*on, "--as", "nobody", devices[0])
    assert found.codes == ["disk-closed-to-user"]


def test_healthy_machine(devices: list[Path], on: list[str], start: Start) -> None:
    start("db1", *disk(devices[0], more=",rerror=report,werror=report"))
    assert check("-c", on[3]).codes == []
    assert check(*on, "--vm", "db1").codes == []
    assert check(*on, devices[0]).codes == []


@pytest.mark.parametrize(
    ("how", "codes"),
    [
        ({"driver": "scsi-hd"}, ["wrong-guest-device"]),
        ({"driver": "virtio-blk-pci", "manager": ""}, ["wrong-guest-device"]),
        ({"manager": ""}, ["no-pr-manager"]),
        ({"more": ",rerror=stop"}, ["stops-on-error"]),
        ({"manager": "", "more": ",werror=stop"}, ["no-pr-manager", "stops-on-error"]),
    ],
)
def test_machine_that_has_its_disk_the_wrong_way(
    devices: list[Path], on: list[str], start: Start, how: dict[str, str], codes: list[str]
) -> None:
    start("db1", *disk(devices[0], **how))
    assert check(*on, "--vm", "db1").codes == codes
    assert check(*on, devices[0]).codes == codes


def test_machine_whose_disks_share_a_pr_manager(
    devices: list[Path], scsi_debug: Path, on: list[str], start: Start
) -> None:
    start("db1", *disk(devices[0]), *disk(scsi_debug))
    assert check(*on, devices[0]).codes == ["shared-pr-manager"]
    assert check(*on, "--vm", "db1").codes == ["no-reservations", "shared-pr-manager"]


def test_two_machines_on_one_unit_by_two_paths_or_by_two_nodes_of_one(
    devices: list[Path], on: list[str], start: Start
) -> None:
    start("db1", *disk(devices[0]))
    start("db2", *disk(devices[1]))
    found = check(*on, devices[0], generic(devices[0]))
    assert found.codes == ["one-host"]
    assert 'machine "db1"' in found.one("one-host")["seen"]
    assert 'machine "db2"' in found.one("one-host")["seen"]
    start("db3", *disk(generic(devices[0]), "scsi-generic"))
    found = check(*on, devices[0], generic(devices[0]))
    assert found.codes == ["one-nexus", "one-host"]
    assert 'machine "db2"' not in found.one("one-nexus")["seen"]
    assert 'machine "db3"' in found.one("one-nexus")["seen"]


def test_daemon_that_can_be_asked_changes_nothing_of_a_healthy_host(devices: list[Path], tmp_path: Path) -> None:
    path, control = tmp_path / "socket", tmp_path / "control"
    with helper.running(path, f"--control={control}"):
        assert main(["register", "-S", "a1", "-k", str(path), "-c", str(control), str(devices[0])]) == 0
        assert check("-k", served(path), "-c", control, devices[0]).codes == []
