"""What AppArmor and SELinux have denied lately, of what has to do with a helper: by the lines of the kernel's audit."""

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from . import journal
from .causes import DENIED_BY_APPARMOR, DENIED_BY_SELINUX
from .finding import Finding

LATELY = 3600.0
"""Seconds."""

_FILES = ("/var/log/audit/audit.log", "/var/log/kern.log", "/var/log/syslog", "/var/log/messages")
_MAX_SIZE = 8 << 20  # bytes of the end of a file
_MAX_RECORD = 8192

_LIBVIRTS = ("libvirtd", "virtqemud")
_GUEST = "libvirt-"
_GUESTS_RULES = "/etc/apparmor.d/local/abstractions/libvirt-qemu"
_RULES = dict.fromkeys(("prhelper", "prhelper-multipath"), "/etc/apparmor.d/local/prhelper")
_ON_FILES = ("connect", "open", "mknod", "file_perm", "file_receive", "sendmsg", "recvmsg")

_NO_SUCH_PROFILE = "-2"
"""Of a unit that wants a profile only where it is loaded (AppArmorProfile=-prhelper)."""

_TIME = re.compile(r"audit\((\d+)\.\d+:\d+\)")
_FIELD = re.compile(r'\b(\w+)=("[^"]*"|\S+)')
_TEXTS = ("name", "path", "comm", "exe", "profile")
_HEXADECIMAL = re.compile(r"(?:[0-9A-F]{2})+")
_HELPERS = ("prhelper", "pr-helper")
_PERMISSIONS = re.compile(r"avc: +denied +\{ ([^}]*) \}")


def look(lines: Iterable[str], names: Collection[str], now: float) -> Iterator[Finding]:
    """`names`: the sockets' paths. The same denial, repeated, is found once."""
    found: dict[tuple[str, str], Finding] = {}
    for line in lines:
        if _is_recent(line, now) and (finding := _finding(line, names)) is not None:
            found[finding.about, finding.seen] = finding
    yield from found.values()


def recent_lines() -> list[str]:
    """The kernel's and the audit daemon's messages, as far as this user may read them."""
    since = f"--since=@{int(time.time() - LATELY)}"
    found = journal.lines("-o", "cat", since, "_TRANSPORT=kernel", "+", "_TRANSPORT=audit")
    return found or [*(line for file in _FILES for line in _end_of(Path(file))), *_ring()]


def _ring() -> list[str]:
    """The kernel's own buffer (the kernel's Documentation/ABI/testing/dev-kmsg), for hosts where nothing keeps it."""
    lines: list[str] = []
    try:
        fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return lines
    try:
        while True:
            with contextlib.suppress(BrokenPipeError):  # records have been overwritten meanwhile
                lines.append(os.read(fd, _MAX_RECORD).decode(errors="replace"))
    except OSError:  # there are no more
        return lines
    finally:
        os.close(fd)


def _end_of(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _MAX_SIZE))
            return opened.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _is_recent(line: str, now: float) -> bool:
    """A line without the audit's own time is taken for recent."""
    found = _TIME.search(line)
    return found is None or float(found[1]) >= now - LATELY


def _finding(line: str, names: Collection[str]) -> Finding | None:
    fields = {name: _value(name, text) for name, text in _FIELD.findall(line)}
    target = fields.get("path") or fields.get("name") or ""
    if not _is_about_a_helper(fields, target, names):
        return None
    who = fields.get("comm", "?")
    if fields.get("apparmor") == "DENIED" and fields.get("error") != _NO_SUCH_PROFILE:
        profile, operation = fields.get("profile", "?"), fields.get("operation", "?")
        seen = f"profile {profile}: {operation} of {target or '?'} by {who} was denied"
        return DENIED_BY_APPARMOR.found(target or who, seen, _apparmor_remedy(operation, target, profile))
    if (permissions := _PERMISSIONS.search(line)) and fields.get("permissive") != "1":
        context, wanted = fields.get("scontext", "?"), fields.get("tcontext", "?")
        kind = fields.get("tclass", "?")
        seen = f"{context} may not {permissions[1].strip()} {kind} of {wanted} ({target or '?'}, by {who})"
        return DENIED_BY_SELINUX.found(target or who, seen)
    return None


def _value(name: str, text: str) -> str:
    """Without quotes. Text in which there are such, or spaces, the audit writes in hexadecimal digits."""
    if text.startswith('"') or name not in _TEXTS:
        return text.strip('"')
    return os.fsdecode(bytes.fromhex(text)) if _HEXADECIMAL.fullmatch(text) else text


def _is_about_a_helper(fields: dict[str, str], target: str, names: Collection[str]) -> bool:
    """By what was denied, or to whom. From inside a mount namespace only the last part of a path may be the same."""
    lasts = {name.rpartition("/")[2] for name in names} - {""}
    subject = " ".join((target, fields.get("comm", ""), fields.get("profile", ""), fields.get("exe", "")))
    is_named = any(name in subject for name in _HELPERS)
    return is_named or target in names or target.rpartition("/")[2] in lasts


def _apparmor_remedy(operation: str, target: str, profile: str) -> str:
    if operation == "exec" and any(name in profile for name in _LIBVIRTS):
        return f"libvirt may start programs in /usr/bin only: install the helper there, and not as a link ({target})."
    rules = _GUESTS_RULES if profile.startswith(_GUEST) else _RULES.get(profile)
    if rules is not None and operation in _ON_FILES:
        name = f'"{target}"' if " " in target else target
        return f"Add the line `{name} rw,` to {rules}, and load it or restart the machine."
    return ""
