"""prhelper in the place of KubeVirt's container pr-helper."""

import signal
import socket
from pathlib import Path

from ...support import manifest
from ...support.helper import wait_until
from .conftest import Start
from .container import QEMU, Container, DevicePlugin, as_qemu

ASK = """\
import os, sys
from prhelper.client import Client, run
async def main():
    with Client(sys.argv[1]) as helper:
        fd = os.open("/dev/null", os.O_RDWR)
        await helper.register(fd, param_sark=0xA)
        print("registered")
run(main())
"""


def asked_by_qemu(container: Container) -> str:
    done = as_qemu(ASK, container.socket)
    assert done.stderr == ""
    return done.stdout


def test_socket_that_the_plugin_was_told_of_serves_qemus_user(start: Start, plugin: DevicePlugin) -> None:
    container = start()
    assert plugin.wait_for_the_socket() == ["created"]
    assert asked_by_qemu(container) == "registered\n"
    container.wait_for_log(f"uid {QEMU} ")


def test_stop_without_the_right_to_remove_the_socket_succeeds_and_the_next_start_makes_a_new_one(
    start: Start, plugin: DevicePlugin
) -> None:
    container = start()
    plugin.wait_for_the_socket()
    asked_by_qemu(container)
    first = container.socket.stat()
    assert (first.st_uid, container.socket.parent.stat().st_uid) == (QEMU, QEMU)
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(20) == 0
    assert container.socket.stat().st_ino == first.st_ino
    container = start()
    assert plugin.wait_for_the_socket() == ["removed", "created"]
    assert asked_by_qemu(container) == "registered\n"


def test_container_that_was_killed_is_followed_by_one_with_a_new_socket(start: Start, plugin: DevicePlugin) -> None:
    start_one = start()
    plugin.wait_for_the_socket()
    start_one.kill()
    container = start()
    assert plugin.wait_for_the_socket() == ["removed", "created"]
    assert asked_by_qemu(container) == "registered\n"


def test_helper_is_the_first_process_of_the_container_with_one_capability(start: Start, plugin: DevicePlugin) -> None:
    container = start()
    plugin.wait_for_the_socket()
    asked_by_qemu(container)
    status = Path(f"/proc/{container.process.pid}/status").read_text()
    assert f"CapEff:\t{1 << 17:016x}\n" in status
    assert "Uid:\t0\t0\t0\t0\n" in status


def test_multipathd_is_found_where_virt_handler_puts_it_later(start: Start, plugin: DevicePlugin) -> None:
    container = start()
    plugin.wait_for_the_socket()
    is_there = ("test", "-S", "/run/multipathd.socket")
    assert container.run(*is_there).returncode == 1
    with socket.socket(socket.AF_UNIX) as multipathd:
        multipathd.bind(str(container.socket.parent / "multipathd.socket"))
        assert container.run(*is_there).returncode == 0


def probe() -> list[str]:
    """The DaemonSet's, with less patience."""
    (container,) = manifest.daemon_set()["spec"]["template"]["spec"]["containers"]
    command: list[str] = container["livenessProbe"]["exec"]["command"]
    return [word.replace("settimeout(8)", "settimeout(0.5)") for word in command]


def test_probe_succeeds_while_the_helper_answers_and_fails_when_it_does_not(start: Start, plugin: DevicePlugin) -> None:
    container = start()
    plugin.wait_for_the_socket()
    wait_until(lambda: container.run(*probe()).returncode == 0, what="the helper to answer the probe")
    container.process.send_signal(signal.SIGSTOP)
    assert "timed out" in container.run(*probe()).stderr
