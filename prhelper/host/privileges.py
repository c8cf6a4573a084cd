"""Gives up every privilege but one: CAP_SYS_RAWIO, which SG_IO needs (capabilities(7), prctl(2)).

Capabilities belong to threads, and a new thread inherits its creator's: drop them while there is only one thread.
"""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

CAP_SETGID = 6
CAP_SETUID = 7
CAP_SETPCAP = 8
CAP_SYS_RAWIO = 17

PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_LINUX_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class PrivilegeError(Exception):
    """Privileges could not be given up as asked; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and group to become; None to stay."""

    uid: int | None
    gid: int | None


class _CapUserHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapUserData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop_privileges(identity: Identity) -> None:
    """Become `identity` and keep CAP_SYS_RAWIO, if it is there, and nothing else.

    Supplementary groups, the bounding and the ambient set are emptied as far as this process may, and no program that
    it starts can gain privileges. What is already as it should be is left alone: a sandbox may forbid to ask for it.
    Raises PrivilegeError.
    """
    change_user = identity.uid not in (None, os.geteuid()) or identity.gid not in (None, os.getegid())
    if change_user:
        _require(CAP_SETUID, CAP_SETGID)
        _prctl(PR_SET_KEEPCAPS, 1)
    if any(map(has_capability, (CAP_SETPCAP, CAP_SETGID, CAP_SETUID))):
        _take_up_what_is_permitted()
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
    """Whether this thread may use a capability, or take it up again."""
    permitted: int = _capget()[capability // 32].permitted
    return bool(permitted & 1 << capability % 32)


def in_initial_user_namespace() -> bool:
    """Whether capabilities here count for the kernel's devices (user_namespaces(7)); assumed if /proc does not tell."""
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


def _take_up_what_is_permitted() -> None:
    data = _capget()
    for word in data:
        word.effective = word.permitted
    _capset(data)


def _drop_groups() -> None:
    try:
        os.setgroups([])
    except PermissionError as error:
        # In a user namespace made without privileges nobody may (user_namespaces(7)); the warning is elsewhere.
        if in_initial_user_namespace():
            raise PrivilegeError(f"cannot drop supplementary groups: {error.strerror}") from error


def _empty_bounding_set() -> None:
    capability = 0
    while _libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        _prctl(PR_CAPBSET_DROP, capability)
        capability += 1


def _keep_only(capability: int) -> None:
    data = _capget()
    wanted = [1 << capability % 32 if index == capability // 32 else 0 for index in range(len(data))]
    if all(word.effective == word.permitted == word.permitted & keep for word, keep in zip(data, wanted, strict=True)):
        return
    for word, keep in zip(data, wanted, strict=True):
        word.permitted &= keep
        word.effective = word.permitted
        word.inheritable = 0
    _capset(data)


def _capget() -> ctypes.Array[_CapUserData]:
    data = (_CapUserData * 2)()
    header = _CapUserHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    _check(_libc.capget(ctypes.byref(header), data), "capget")
    return data


def _capset(data: ctypes.Array[_CapUserData]) -> None:
    header = _CapUserHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(ctypes.byref(header), data), "capset")


def _prctl(option: int, argument: int) -> None:
    _check(_libc.prctl(option, argument, 0, 0, 0), f"prctl({option}, {argument})")


def _check(result: int, call: str) -> None:
    if result < 0:
        raise PrivilegeError(f"{call}: {os.strerror(ctypes.get_errno())}")
