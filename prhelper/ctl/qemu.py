"""What a QEMU's command line says of its disks: for what they are devices, on which files, with which pr-manager.

Options come as `key=value,...` or as JSON, which libvirt writes; nodes and devices name each other.
"""

import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

Options = dict[str, Any]

PASSES_THROUGH = ("scsi-block", "scsi-generic")
"""Devices that hand a guest's commands to the disk."""

_OF_INTERFACE = {"virtio": "virtio-blk", "scsi": "scsi-hd", "ide": "ide-hd"}
_PLAIN_DISKS = tuple(f"hd{letter}" for letter in "abcd")
_JSON = "json:"  # what comes in place of a -drive's file, if that is written as for -blockdev
_MAX_DEPTH = 16  # of nodes upon nodes, and of values within values

_SECTION = re.compile(r'\[([\w-]+)(?: "([^"]*)")?\]')
_SETTING = re.compile(r'([\w.-]+) = "([^"]*)"')


class GuestDisk(NamedTuple):
    """A disk as the guest has it.

    driver: of the guest's device, "scsi-block". name: the device's id, or else the drive's.
    file: on the host. pr_manager: id of the object; None without one.
    rerror, werror: what QEMU does when the disk fails; empty where the command line leaves it to QEMU.
    """

    driver: str
    name: str
    file: str
    pr_manager: str | None = None
    rerror: str = ""
    werror: str = ""


class CommandLine(NamedTuple):
    """managers: the helper's socket of each pr-manager, by id. monitors: paths of sockets that speak QMP."""

    managers: dict[str, str]
    disks: tuple[GuestDisk, ...]
    monitors: tuple[str, ...]


def is_qemu(arguments: Sequence[str]) -> bool:
    """Whether a command line is that of a QEMU which runs a machine."""
    program = arguments[0].rpartition("/")[2] if arguments else ""
    return program.startswith("qemu-system-") or program in ("qemu-kvm", "kvm")


def parse(arguments: Sequence[str], read: Callable[[str], str] = lambda _: "") -> CommandLine:
    """Read a command line. What cannot be made out is left out.

    read: returns the content of a file that the command line names (-readconfig).
    """
    found = list(_options(arguments))
    for option, value in itertools.pairwise(arguments):
        if option.lstrip("-") == "readconfig":
            found += [each for each in list(_configured(read(value))) if _is_usable(each[1])]
    objects = [options for name, options in found if name == "object"]
    managers = {
        str(each.get("id")): str(each.get("path", ""))
        for each in objects
        if each.get("qom-type") == "pr-manager-helper"
    }
    return CommandLine(managers, tuple(_disks(found)), tuple(_monitors(found)))


def _is_usable(options: Options) -> bool:
    """Whether all text in it could be a file's name, and it is no deeper than sense.

    In JSON there may be half a surrogate pair, which QEMU refuses, and a key may have any number of dots.
    """
    level: list[object] = [options]
    for _ in range(_MAX_DEPTH):
        if not all(_is_name(each) for each in level if isinstance(each, str)):
            return False
        level = [inner for each in level for inner in _within(each)]
    return not level


def _within(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is_name(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _configured(text: str) -> Iterator[tuple[str, Options]]:
    """The sections of a configuration file, each an option: `[device "ID"]`, and lines of `key = "value"` below."""
    values: Options = {}
    for line in map(str.strip, text.split("\n")):
        if section := _SECTION.fullmatch(line):
            values = {"id": section[2]} if section[2] else {}
            yield section[1], values
        elif setting := _SETTING.fullmatch(line):
            _put(values, setting[1].split("."), setting[2])


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, Options]]:
    """Each option of interest with its values."""
    implied = {
        "object": "qom-type",
        "device": "driver",
        "blockdev": "driver",
        "drive": "file",
        "chardev": "backend",
        "mon": "chardev",
        "qmp": "backend",
        "qmp-pretty": "backend",
    }
    for option, value in itertools.pairwise(arguments):
        name = option.lstrip("-") if option.startswith("-") else ""
        if name in _PLAIN_DISKS:
            yield "drive", {"file": value}
        elif name in implied:
            yield name, options_in(value, implied[name])


def options_in(text: str, implied: str) -> Options:
    """The values of one option. Dots in keys make dictionaries, as QEMU reads them; the first key may be `implied`."""
    if text.startswith("{"):
        try:
            values: Options = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return values if _is_usable(values) else {}
    result: Options = {}
    for number, part in enumerate(text.replace(",,", "\0").split(",")):
        key, has_value, value = part.partition("=")
        if not has_value:
            key, value = (implied, part) if number == 0 else (part, "on")
        _put(result, key.split("."), value.replace("\0", ","))
    return result if _is_usable(result) else {}


def _put(result: Options, keys: list[str], value: str) -> None:
    *folders, last = keys
    for folder in folders:
        inner = result.get(folder)
        if not isinstance(inner, dict):
            inner = {} if inner is None else {"filename": inner}  # -drive file=NAME,file.pr-manager=ID
            result[folder] = inner
        result = inner
    if isinstance(result.get(last), dict):
        result = result[last]
        last = "filename"
    result[last] = value


def _disks(found: list[tuple[str, Options]]) -> Iterator[GuestDisk]:
    blockdevs = [options for name, options in found if name == "blockdev"]
    drives = [_drive(options) for name, options in found if name == "drive"]
    by_id = {str(one["node-name"]): one for one in [*blockdevs, *drives] if "node-name" in one}
    by_id |= {str(drive["id"]): drive for drive in drives if "id" in drive}
    for name, options in found:
        if name == "device" and (node := by_id.get(str(options.get("drive", "")))) is not None:
            yield from _disk(str(options.get("driver")), {**node, **options}, node, by_id)
    for drive in drives:
        if driver := _OF_INTERFACE.get(str(drive.get("if", "ide"))):
            yield from _disk(driver, drive, drive, by_id)


def _drive(options: Options) -> Options:
    """A -drive, whose `file` is a name of a file where a -blockdev has that of a node."""
    file = options.get("file")
    if not isinstance(file, str):
        return options
    is_json = file.startswith(_JSON)
    return {**options, "file": options_in(file.removeprefix(_JSON), "") if is_json else {"filename": file}}


def _disk(driver: str, options: Options, node: Options, by_id: dict[str, Options]) -> Iterator[GuestDisk]:
    for _ in range(_MAX_DEPTH):
        if "filename" in node:
            break
        below = node.get("file")
        node = below if isinstance(below, dict) else by_id.get(str(below), {})
    if isinstance(file := node.get("filename"), str):
        name = str(options.get("id") or options.get("node-name") or "")
        manager = node.get("pr-manager")
        yield GuestDisk(
            driver,
            name,
            file.removeprefix("host_device:").removeprefix("file:"),
            None if manager is None else str(manager),
            str(options.get("rerror", "")),
            str(options.get("werror", "")),
        )


def _monitors(found: list[tuple[str, Options]]) -> Iterator[str]:
    """Only those that listen at a path: a descriptor belongs to whoever started QEMU."""
    controls = {str(options.get("chardev")) for name, options in found if name == "mon" and _is_control(options)}
    for name, options in found:
        backend = str(options.get("backend", ""))
        if name.startswith("qmp") and backend.startswith("unix:"):
            yield backend.removeprefix("unix:")
        if name == "chardev" and str(options.get("id")) in controls and "path" in options:
            yield str(options["path"])


def _is_control(options: Options) -> bool:
    return options.get("mode") == "control"
