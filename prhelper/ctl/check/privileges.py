"""What the helper may do: SG_IO needs CAP_SYS_RAWIO, and that in the first user namespace."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...host.privileges import CAP_SYS_RAWIO
from .causes import EMULATED, NO_CAPABILITY, UNIT_SANDBOX, USER_NAMESPACE
from .finding import Finding
from .listening import command_line, server_pid
from .process_status import status_of
from .serving import SERVICE_UNIT
from .units import properties_of

_TAKEN_FROM_ROOT = (
    "It is root, but CAP_SYS_RAWIO was taken from it. Give it back: --cap-add=SYS_RAWIO of its container, "
    "capabilities: add: in Kubernetes, CapabilityBoundingSet= of its unit."
)
_WHOLE = ["0", "0", "4294967295"]
_FIRST = "user:[4026531837]"
"""The user namespace of the host (PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h)."""

_BREAKING = {"PrivateUsers": ("no", ""), "PrivateDevices": ("no", "")}
"""Settings of a unit that make SG_IO fail, with the values that do not."""


def look(path: Path, name: str, status: dict[str, Any] | None, is_default: bool) -> Iterator[Finding]:
    """`status`: what the daemon answers to GetStatus, if it can be asked. `is_default`: the socket is the unit's."""
    pid = status["pid"] if status else _pid(path, is_default)
    emulation = status["emulate"] if status else _emulation_of(pid)
    if emulation is not None:
        yield EMULATED.found(name, f"prhelper runs with --emulate={emulation}")
        if emulation == "all":
            return
    yield from _of_process(pid, name)
    if is_default:
        yield from of_unit(name, SERVICE_UNIT)


def _pid(path: Path, is_default: bool) -> int | None:
    if (pid := server_pid(path)) is not None or not is_default:
        return pid
    return int(properties_of(SERVICE_UNIT).get("MainPID", "0")) or None


def uid_of_helper(path: Path, is_default: bool) -> int | None:
    """The user that the helper runs as; None if it cannot be told."""
    return _uid_of(_pid(path, is_default))


def _uid_of(pid: int | None) -> int | None:
    """As /proc/PID/status has it: the folder is root's if the process has changed its user."""
    uids = status_of(pid).get("Uid", "").split()
    return int(uids[1]) if uids else None


def qemus_without_multipath(path: Path, is_default: bool) -> int | None:
    """The process that serves a socket if it is QEMU's helper, built without libmpathpersist, as Debian's is."""
    pid = _pid(path, is_default)
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
        loaded = Path(f"/proc/{pid}/maps").read_bytes()
    except OSError:
        return None
    return pid if program == "qemu-pr-helper" and b"libmpathpersist" not in loaded else None


def _emulation_of(pid: int | None) -> str | None:
    """What its command line says, where it cannot be asked."""
    words = [] if pid is None else command_line(pid)
    for word, following in itertools.pairwise([*words, b""]):
        option, _, value = word.partition(b"=")
        if option == b"--emulate":
            return "all" if b"all" in (value, following) else "missing"
    return None


def _of_process(pid: int | None, name: str) -> Iterator[Finding]:
    status = status_of(pid)
    if "CapEff" not in status:
        return
    try:
        mapping = Path(f"/proc/{pid}/uid_map").read_text().split()
    except OSError:
        return
    effective = int(status["CapEff"], 16)
    if not effective >> CAP_SYS_RAWIO & 1:
        remedy = _TAKEN_FROM_ROOT if _uid_of(pid) == 0 else ""
        yield NO_CAPABILITY.found(name, f"/proc/{pid}/status: CapEff {effective:016x}", remedy)
    if mapping != _WHOLE:
        yield USER_NAMESPACE.found(name, f"/proc/{pid}/uid_map: {' '.join(mapping) or 'empty'}")
    elif _namespace_of(pid) not in (None, _FIRST):
        seen = f"/proc/{pid}/ns/user is not {_FIRST}, though it maps every user to itself"
        yield USER_NAMESPACE.found(name, seen)


def _namespace_of(pid: int | None) -> str | None:
    """None if this process may not look, or there is none."""
    try:
        return os.readlink(f"/proc/{pid}/ns/user")  # noqa: PTH115
    except OSError:
        return None


def of_unit(name: str, unit: str) -> Iterator[Finding]:
    """A unit's settings, whether the service runs or not."""
    properties = properties_of(unit)
    wrong = [
        f"{setting}={properties[setting]}"
        for setting, right in _BREAKING.items()
        if properties.get(setting, "") not in right
    ]
    if wrong:
        yield UNIT_SANDBOX.found(name, f"{unit} has {', '.join(wrong)}")
