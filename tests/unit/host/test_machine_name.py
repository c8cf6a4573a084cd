"""A virtual machine's name: from a unit that no process can leave, or from what a command line says."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prhelper.host.machine_name import MAX_COMMAND_LINE, MachineName, claimed_name, name_of_unit, read_claimed_name
from prhelper.host.peer import Peer

UID = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"
POD = f"pod{UID}"
PODS = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable"

UNITS = [
    (r"machine.slice/machine-qemu\x2d3\x2dweb1.scope", "web1"),
    (r"machine.slice/machine-qemu\x2d3\x2dweb\x2d1.a_b.scope", "web-1.a_b"),
    (r"machine.slice/machine-qemu\x2d12\x2dqemu\x2d3\x2dx.scope", "qemu-3-x"),
    (r"machine.slice/machine-lxc\x2d3\x2dweb1.scope", "lxc-3-web1"),
    (r"machine.slice/machine-web1.scope", "web1"),
    (r"machine.slice/machine-caf\xc3\xa9.scope", "café"),
    (r"machine.slice/machine-a\xff\x0a\x22b-c.scope", "a�??b/c"),
    (r"customers.slice/customers-a.slice/machine-qemu\x2d3\x2dweb1.scope", "web1"),
    ("machine.slice/machine-" + "x" * 100 + ".scope", "x" * 64),
    ("qemu.slice/100.scope", "100"),
    (f"{PODS}-{POD.replace('-', '_')}.slice", f"pod {UID}"),
    (f"kubepods/burstable/{POD}", f"pod {UID}"),
    (f"kubepods/{POD}", f"pod {UID}"),
]


@pytest.mark.parametrize(("unit", "name"), UNITS)
def test_a_unit_of_a_machine_has_its_name(unit: str, name: str) -> None:
    assert name_of_unit(unit) == MachineName(name, claimed=False)


@pytest.mark.parametrize(
    "unit",
    [
        "user 107",
        "system.slice/libvirtd.service",
        "user.slice/user-1000.slice",
        "user.slice/user-1000.slice/session-3.scope",
        "system.slice/run-u12.scope",
        "machine.slice/machine-.scope",
        r"machine-qemu\x2d3\x2dweb1.scope",
        r"docker/0123abcd/machine-qemu\x2d3\x2dweb1.scope",
        r"docker/machine.slice/machine-qemu\x2d3\x2dweb1.scope",
        f"docker/0123abcd/{POD}",
        f"docker/0123abcd/kubepods/{POD}",
        "qemu.slice/web.scope",
        "docker/qemu.slice/100.scope",
        "qemu.slice/qemu-a.slice/100.scope",
        "",
    ],
)
def test_what_anybody_could_have_made_is_no_name(unit: str) -> None:
    assert name_of_unit(unit) is None


def line(*arguments: str) -> bytes:
    return "".join(f"{argument}\0" for argument in arguments).encode()


CLAIMS = [
    (line("qemu", "-name", "web1"), "web1"),
    (line("qemu", "-name", "guest=web1,debug-threads=on"), "web1"),
    (line("qemu", "-name", "web1,debug-threads=on"), "web1"),
    (line("qemu", "--name", "debug-threads=on,guest=web1"), "web1"),
    (line("qemu", "-name", "guest=a,,b,process=x"), "a,b"),
    (line("qemu", "-name", "guest=a,,,process=x"), "a,"),
    (line("qemu", "-name", "guest=a=b"), "a=b"),
    (line("qemu", "-name", "guest=a,guest=b"), "b"),
    (line("qemu", "-name", "a", "-name", "b"), "b"),
    (line("qemu", "-name", 'a"\n\x1b[31m'), "a???[31m"),
    (line("qemu", "-name", "x" * 100), "x" * 64),
    (b"qemu\0-name\0\xff\0", "�"),
]


@pytest.mark.parametrize(("command_line", "name"), CLAIMS)
def test_what_a_command_line_says_is_marked_as_a_claim(command_line: bytes, name: str) -> None:
    assert claimed_name(command_line) == MachineName(name, claimed=True)


@pytest.mark.parametrize(
    "command_line",
    [
        b"",
        b"\0",
        line("qemu"),
        line("qemu", "-name"),
        line("qemu", "-name", ""),
        line("qemu", "-name", "debug-threads=on"),
        line("qemu", "-name", "process=x,web1"),
        line("qemu", "name", "web1"),
        line("qemu", "-name", "web1")[:-1],
        b"a title of its own",
    ],
)
def test_a_command_line_without_a_whole_name_has_none(command_line: bytes) -> None:
    assert claimed_name(command_line) is None


@given(st.binary(max_size=200))
def test_any_name_is_safe_to_print(name: bytes) -> None:
    made = claimed_name(b"qemu\0-name\0" + name.replace(b"\0", b"") + b"\0")
    if made is not None:
        assert made.text.isprintable()
        assert '"' not in made.text
        assert len(made.text) <= 64


@pytest.fixture
def machine() -> Iterator[subprocess.Popen[bytes]]:
    code = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-I", "-c", code, "-name", "guest=web1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # Popen returns before the kernel has set the command line
        yield process


def test_the_command_line_of_a_process_is_read(machine: subprocess.Popen[bytes]) -> None:
    peer = Peer.of(machine.pid, 0)
    assert read_claimed_name(peer.pid, peer.started) == MachineName("web1", claimed=True)


def test_a_process_that_has_the_number_of_the_one_that_connected_is_not_taken_for_it(
    machine: subprocess.Popen[bytes],
) -> None:
    peer = Peer.of(machine.pid, 0)
    assert read_claimed_name(peer.pid, peer.started - 1) is None


def test_a_process_that_has_ended_has_no_name(machine: subprocess.Popen[bytes]) -> None:
    peer = Peer.of(machine.pid, 0)
    machine.communicate()
    assert read_claimed_name(peer.pid, peer.started) is None


def test_of_a_long_command_line_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prhelper.host.machine_name._PROC", tmp_path)
    process = tmp_path / "1"
    process.mkdir()
    (process / "stat").write_bytes(b"1 (q) S" + b" 7" * 40)
    whole = line("qemu", "-name", "web1")
    (process / "cmdline").write_bytes(whole + b"x" * MAX_COMMAND_LINE + line("", "-name", "other"))
    assert read_claimed_name(1, 7) == MachineName("web1", claimed=True)
