"""A host with the real libvirt: the suite's own packages, its daemon under systemd, and prhelper as its pr_helper."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.helper import wait_until

from ..modules import modprobe
from ..systemd.units import INSTALLED, run, systemctl

PROGRAM = Path("/usr/bin/prhelper")
CONFIGURATION = Path("/etc/libvirt/qemu.conf")
STATE = Path("/run/libvirt/qemu")
LIBRARY = Path("/var/lib/libvirt/qemu")
IMAGES = Path("/var/lib/libvirt/images")
USER = "libvirt-qemu"
KVM = Path("/dev/kvm")

ACCOUNTS = f"""\
u messagebus - - /nonexistent
g libvirt -
g {USER} 64055
u {USER} 64055:kvm - /var/lib/libvirt
m {USER} {USER}
"""
"""What the scripts of the packages dbus and libvirt-daemon-system make."""

FIREWALL = Path("/usr/sbin/iptables")
"""A name that the package's script gives to a program of another name. libvirt 11 does not start without a firewall."""

LOG_PATIENCE = 30.0

BEFORE = ("systemd-journald.socket", "dbus.socket", "virtlogd.socket")
ENTRANCES = (".socket", "-ro.socket", "-admin.socket")


def install() -> None:
    """Do what the packages' scripts would have done, and start libvirt's daemon."""
    for kind in ("service", "socket"):
        folder = INSTALLED / f"{kind}.d"
        folder.mkdir()
        (folder / "tests.conf").write_text("[Unit]\nDefaultDependencies=no\n")
    systemctl("daemon-reload")
    accounts = INSTALLED / "accounts.conf"
    accounts.write_text(ACCOUNTS)
    run("systemd-sysusers", str(accounts))
    shutil.chown(LIBRARY, USER, USER)
    LIBRARY.chmod(0o750)
    if not FIREWALL.exists():
        FIREWALL.symlink_to("iptables-nft")
    PROGRAM.write_text(f'#!/bin/sh\nexec {os.environ["GUEST_HELPER"]} "$@"\n')
    PROGRAM.chmod(0o755)
    with CONFIGURATION.open("a") as configuration:
        configuration.write(f'pr_helper = "{PROGRAM}"\n')
    systemctl("start", *BEFORE, "systemd-journald.service", "systemd-machined.service")
    start_daemon()


def accelerators() -> list[tuple[str, float]]:
    """The types of domain to try, best first, each with the seconds that the guest may take: see chain/machine.py.

    KVM stands still once in many boots; with Linux 7.2 it does before, and libvirt waits for QEMU without end.
    """
    slow = [("qemu", 1000.0)]
    if int(os.uname().release.split(".")[0]) >= 7:
        return slow
    try:
        modprobe("kvm_amd")
        shutil.chown(KVM, group="kvm")
        KVM.chmod(0o660)
    except (subprocess.CalledProcessError, OSError):
        return slow
    return [("kvm", 200.0), ("kvm", 200.0), ("qemu", 600.0)]


def daemon() -> str:
    """The name of the daemon: one for everything, or one of several."""
    one = Path("/usr/lib/systemd/system/libvirtd.service")
    return "libvirtd" if one.exists() else "virtqemud"


def start_daemon() -> None:
    systemctl("start", *(f"{daemon()}{entrance}" for entrance in ENTRANCES), f"{daemon()}.service")


def stop_daemon() -> None:
    """Stop it until `start_daemon`, whatever connects."""
    systemctl("stop", *(f"{daemon()}{entrance}" for entrance in ENTRANCES), f"{daemon()}.service")


def virsh(*arguments: str) -> str:
    """Run virsh: what it printed; raise if it fails."""
    return run("virsh", "--connect", "qemu:///system", *arguments)


def wait_for_log(text: str) -> None:
    """Wait until a helper that libvirt started has logged a text."""
    wait_until(lambda: text in log(), LOG_PATIENCE, f"{text!r} in the journal")


def log() -> str:
    """What the helpers that libvirt started have logged."""
    return run("journalctl", "--identifier", "prhelper", "--output", "cat", "--no-pager")
