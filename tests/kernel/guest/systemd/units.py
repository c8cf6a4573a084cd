"""The units that the project ships, installed in the guest with as few changes as a test needs."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import prhelper

from ..helper import let_everybody_run_it

SOURCE = Path("packaging")
INSTALLED = Path("/run/systemd/system")
LOG = Path("/run/prhelper.log")
STATE = ("/var/lib/prhelper", "/var/lib/prhelper-multipath")
HOMES = ("/root", "/home", "/run/user")
PRIVATE = ("/tmp", "/var/tmp")

SOCKET, SERVICE = "prhelper.socket", "prhelper.service"
WORKER_SOCKET, WORKER = "prhelper-multipath.socket", "prhelper-multipath.service"
GROUP = "prhelper-multipath"


def install(watchdog_seconds: int) -> None:
    """Copy the units; drop-ins name the interpreter under test and shorten the watchdog's patience."""
    for state in STATE:  # the host's; here it would be in the way of the dynamic user's
        shutil.rmtree(state, ignore_errors=True)
    run("systemd-sysusers", str((SOURCE / "prhelper.sysusers").resolve()))
    for unit in (SOCKET, SERVICE, WORKER_SOCKET, WORKER):
        (INSTALLED / unit).write_text((SOURCE / unit).read_text())
        drop_in(unit, "[Unit]", "DefaultDependencies=no")
    for service in (SERVICE, WORKER):
        drop_in(
            service,
            "[Service]",
            "ExecStart=",
            f"ExecStart={command(service)}",
            f"WatchdogSec={watchdog_seconds}",
            f"StandardError=append:{LOG}",
            *way_to_the_interpreter(),
        )
    systemctl("daemon-reload")


@contextmanager
def with_options(*options: str) -> Iterator[None]:
    """While this lasts, the service starts with these options as well."""
    text = f"[Service]\nExecStart=\nExecStart={command(SERVICE)} {shlex.join(options)}\n"
    with changed(SERVICE, "options.conf", text):
        yield


@contextmanager
def changed(unit: str, name: str, text: str) -> Iterator[None]:
    """While this lasts, the unit has one more drop-in, of this name. It must sort behind those that are installed."""
    drop_in = INSTALLED / f"{unit}.d" / name
    drop_in.write_text(text)
    systemctl("daemon-reload")
    try:
        yield
    finally:
        drop_in.unlink()
        systemctl("daemon-reload")


def drop_in(unit: str, section: str, *lines: str) -> None:
    folder = INSTALLED / f"{unit}.d"
    folder.mkdir(exist_ok=True)
    (folder / f"{section.strip('[]')}.conf").write_text("\n".join([section, *lines, ""]))


def command(service: str) -> str:
    """The helper's command line, with the options that the unit gives it."""
    found = re.search(r"^ExecStart=.*?prhelper\b *(.*)$", (SOURCE / service).read_text(), re.MULTILINE)
    assert found is not None
    return f"{os.environ['GUEST_HELPER']} {found[1]}"


def way_to_the_interpreter() -> list[str]:
    """A Python, or a checkout, in a home directory or in /tmp must be let through ProtectHome= and PrivateTmp=."""
    let_everybody_run_it()
    places = {sys.base_prefix, sys.prefix, str(Path(prhelper.__file__).parents[1])}
    # ProtectHome=tmpfs would do, but since systemd 256 that is a folder which the service's user may not enter.
    homes = ["ProtectHome=no", *(f"TemporaryFileSystem={home}:mode=755" for home in HOMES)]
    lines = homes if any(place.startswith(HOMES) for place in places) else []
    hidden = [place for place in places if place.startswith((*HOMES, *PRIVATE))]
    return [*lines, *(f"BindReadOnlyPaths={place}" for place in sorted(hidden))]


def systemctl(*arguments: str) -> str:
    """Run systemctl; raise if it fails."""
    return run("systemctl", *arguments)


def run(*arguments: str) -> str:
    """Run a program: what it printed; raise if it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(done.args)}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def show(unit: str, name: str) -> str:
    """One property of a unit."""
    return systemctl("show", "--value", "--property", name, unit)


@functools.cache
def listens_at(socket: str) -> Path:
    """The path of a socket, as its unit has it."""
    return Path(show(socket, "Listen").split()[0])


def main_pid(service: str) -> int:
    """The PID of a service that runs."""
    return int(show(service, "MainPID"))


def may_write(pid: int, place: str) -> bool:
    """Whether a file can be made there as a process sees it, even by root; /tmp may be its own."""
    command = ["nsenter", "-t", str(pid), "-m", "--", "sh", "-c", f"true > {place}/probe && rm {place}/probe"]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
