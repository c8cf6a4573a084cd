"""dpkg, in a machine whose root directory is that of the host: what the tests install is not there before."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..systemd.units import INSTALLED, STATE

PACKAGE = "prhelper"
USER, GROUP = "libvirt-qemu", "kvm"
"""Of libvirt's QEMU, in Debian."""

TREES = (
    "/etc/systemd",
    "/etc/sysusers.d",
    "/etc/tmpfiles.d",
    "/var/lib/private",
    "/var/lib/systemd/deb-systemd-helper-enabled",
)
FOLDERS = (
    *("/usr/bin", "/usr/lib", "/usr/lib/systemd/system", "/usr/lib/sysusers.d", "/usr/share/python3/runtime.d"),
    *("/usr/share/doc", "/usr/share/man/man8", "/var/cache", "/var/lib", "/var/lib/systemd", "/var/log"),
)
"""Listed without what is below them, which would take minutes here; what dpkg installs there, it removes as well."""
KEPT_BY_OTHERS = ("/var/log/dpkg.log", "/etc/systemd/system/prhelper.service.d")
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")


def package(revision: int) -> Path:
    """The file of the package of this revision."""
    return Path(os.environ["GUEST_PACKAGES"].split(":")[revision - 1])


def prepare() -> None:
    """Make a machine that lets packages start services, with as little to start besides as the tests need.

    It has QEMU's user and group, as udev and libvirt make them.
    """
    for state in STATE:  # the host's; here it would be in the way of the dynamic user's
        shutil.rmtree(state, ignore_errors=True)
    Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)  # containers are made with it
    for unit in (path for path in Path("packaging").iterdir() if path.suffix in (".service", ".socket")):
        folder = INSTALLED / f"{unit.name}.d"
        folder.mkdir()
        (folder / "tests.conf").write_text("[Unit]\nDefaultDependencies=no\n")
    run("groupadd", "--system", "--force", GROUP)
    run("useradd", "--system", "--gid", GROUP, "--shell", "/usr/sbin/nologin", USER)


def version(revision: int) -> str:
    return package(revision).name.split("_")[1]


def install(revision: int) -> None:
    """Install this revision, or upgrade to it."""
    if installed() != version(revision):
        dpkg("--install", str(package(revision)))


def installed() -> str | None:
    """The version that is installed."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", PACKAGE]
    words = subprocess.run(query, capture_output=True, text=True).stdout.split()
    return words[1] if words[:1] == ["installed"] else None


def configure(after: str = "") -> str:
    """Let the script of the installed package configure it again: after an upgrade from a version, or the first time.
    Returns what was said."""
    return run(f"/var/lib/dpkg/info/{PACKAGE}.postinst", "configure", after)


def forget_that_it_was_ever_installed() -> None:
    """What a first installation does not find of an earlier one."""
    run("deb-systemd-helper", "purge", "prhelper.socket")


def purge() -> None:
    """Remove the package, and all that it has made."""
    dpkg("--purge", PACKAGE)


def dpkg(*arguments: str) -> None:
    """Run dpkg without what only takes time here: it would wait for the disk, and look through all manuals."""
    run("dpkg", "--force-unsafe-io", "--no-triggers", *arguments)


def run(*command: str) -> str:
    """Run a program, as dpkg would, that must succeed. Returns what it said."""
    untouched = {name: value for name, value in os.environ.items() if not name.startswith("PY")}  # the tests' own
    as_dpkg = {**untouched, "DPKG_MAINTSCRIPT_PACKAGE": PACKAGE, "DPKG_MAINTSCRIPT_NAME": "postinst"}
    done = subprocess.run(command, env=as_dpkg, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    assert done.returncode == 0
    return done.stdout


def what_is_there() -> dict[str, str]:
    """All that the package could have left, and of the files with users and groups the text."""
    paths = {path for folder in FOLDERS for path in Path(folder).iterdir()}
    paths |= {path for folder in TREES for path in Path(folder).rglob("*")}
    found = {str(path): "" for path in paths if not str(path).startswith(KEPT_BY_OTHERS)}
    return found | {path: Path(path).read_text() for path in ACCOUNTS}


@contextmanager
def acting_as(user: str, group: str) -> Iterator[None]:
    """Connect and open files with the rights of a user and a group, as the kernel sees them."""
    os.setgroups([])
    os.setegid(grp.getgrnam(group).gr_gid)
    os.seteuid(pwd.getpwnam(user).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
