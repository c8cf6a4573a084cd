"""Drops every privilege but one: CAP_SYS_RAWIO, which SG_IO needs (capabilities(7), prctl(2)).

Capabilities belong to threads, and a new thread inherits its creator's: drop them while there is only one thread.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import libc
from .errors import StartError
from .libc import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
    Capabilities,
)

CAP_SETGID = 6
CAP_SETUID = 7
CAP_SETPCAP = 8
CAP_SYS_RAWIO = 17


class PrivilegeError(StartError):
    """Privileges could not be dropped as asked; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and group to switch to; None to keep the present one."""

    uid: int | None
    gid: int | None


def drop_privileges(identity: Identity) -> None:
    """Switch to `identity` and keep CAP_SYS_RAWIO, if this process has it, and nothing else.

    Supplementary groups, the bounding set and the ambient set are emptied as far as permitted, and no program started
    later can gain privileges. System calls that would change nothing are left out: a sandbox may forbid them.
    Raises PrivilegeError.
    """
    change_user = identity.uid not in (None, os.geteuid()) or identity.gid not in (None, os.getegid())
    if change_user:
        _require(CAP_SETUID, CAP_SETGID)
        _prctl(PR_SET_KEEPCAPS, 1)
    if any(map(has_capability, (CAP_SETPCAP, CAP_SETGID, CAP_SETUID))):
        _raise_permitted()
    if has_capability(CAP_SETPCAP):
        _empty_bounding_set()
    if has_capability(CAP_SETGID):
        _drop_groups()
    if change_user:
        _change_user(identity)
        _prctl(PR_SET_KEEPCAPS, 0)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _keep_only(CAP_SYS_RAWIO)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def has_capability(capability: int) -> bool:
    """Whether a capability is in this thread's permitted set, so that it can use it."""
    return bool(_capget().permitted & 1 << capability)


def in_initial_user_namespace() -> bool:
    """Whether capabilities here count for devices (user_namespaces(7)); assumed where /proc cannot be read."""
    try:
        return Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    except OSError:
        return True


def _require(*capabilities: int) -> None:
    if not all(map(has_capability, capabilities)):
        raise PrivilegeError(
            "-u and -g need root, or the capabilities CAP_SETUID and CAP_SETGID; "
            "a systemd unit that sets User= needs neither option"
        )


def _change_user(identity: Identity) -> None:
    try:
        if identity.gid is not None:
            os.setresgid(identity.gid, identity.gid, identity.gid)
        if identity.uid is not None:
            os.setresuid(identity.uid, identity.uid, identity.uid)
    except OSError as error:
        raise PrivilegeError(f"cannot become uid {identity.uid} gid {identity.gid}: {error.strerror}") from error


def _raise_permitted() -> None:
    held = _capget()
    _capset(held._replace(effective=held.permitted))


def _drop_groups() -> None:
    try:
        os.setgroups([])
    except PermissionError as error:
        # Forbidden in a user namespace made without privileges (user_namespaces(7)). The daemon warns of those.
        if in_initial_user_namespace():
            raise PrivilegeError(f"cannot drop supplementary groups: {error.strerror}") from error


def _empty_bounding_set() -> None:
    for capability in itertools.count():
        try:
            libc.prctl(PR_CAPBSET_READ, capability)
        except OSError:  # beyond the last one
            return
        _prctl(PR_CAPBSET_DROP, capability)


def _keep_only(capability: int) -> None:
    held = _capget()
    keep = held.permitted & 1 << capability
    if not held.effective == held.permitted == keep:
        _capset(Capabilities(effective=keep, permitted=keep, inheritable=0))


def _capget() -> Capabilities:
    with _named("capget"):
        return libc.capget()


def _capset(capabilities: Capabilities) -> None:
    with _named("capset"):
        libc.capset(capabilities)


def _prctl(option: int, argument: int) -> None:
    with _named(f"prctl({option}, {argument})"):
        libc.prctl(option, argument)


@contextlib.contextmanager
def _named(call: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PrivilegeError(f"{call}: {error.strerror}") from error
