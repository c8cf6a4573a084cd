"""AppArmor in the guest: the profiles that the project ships, loaded; programs under a profile; what was denied."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import prhelper

from .units import LOG, run

ENABLED = Path("/sys/module/apparmor/parameters/enabled")
SECURITYFS = Path("/sys/kernel/security")
PROFILES = Path("packaging/apparmor/prhelper")
LOCAL = Path("/etc/apparmor.d/local/prhelper")

GUEST = "guest-of-libvirt"
AS_LIBVIRT_DOES = f"""\
include <tunables/global>
profile {GUEST} flags=(attach_disconnected) {{
  include <abstractions/base>
  network unix stream,
  /** mr,
  /dev/sd* rw,
  %s
}}
"""
"""As far as it is of interest here: disks by their names, and the line for the host's socket."""


def is_on() -> bool:
    return ENABLED.exists() and ENABLED.read_text() == "Y\n"


@contextmanager
def loaded(folder: Path) -> Iterator[None]:
    """The profiles of daemon and worker, which may use the interpreter under test, and that of a guest."""
    if not SECURITYFS.is_mount():
        run("mount", "-t", "securityfs", "securityfs", str(SECURITYFS))
    places = sorted({sys.base_prefix, sys.prefix, str(Path(prhelper.__file__).parents[1])})
    LOCAL.write_text("".join(f"{place}/{{,**}} mr,\n" for place in places) + f"{LOG} rw,\n")
    guest = folder / GUEST
    guest.write_text(AS_LIBVIRT_DOES % (PROFILES.parent / "guests").read_text())
    files = [str(PROFILES), str(guest)]
    run("apparmor_parser", "--replace", "--skip-cache", *files)
    try:
        yield
    finally:
        run("apparmor_parser", "--remove", *files)


def profile_of(pid: int) -> str:
    """The profile of a process, and its mode."""
    return Path(f"/proc/{pid}/attr/current").read_text().strip()


def under(profile: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program under a profile."""
    command = ["aa-exec", "-p", profile, "--", sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def denied() -> list[str]:
    """What the kernel says it has denied, each as operation, profile, name."""
    log = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    lines = [line for line in log.splitlines() if 'apparmor="DENIED"' in line]
    return [" ".join(re.findall(r'(?:profile|operation|name|capname)="([^"]*)"', line)) for line in lines]
