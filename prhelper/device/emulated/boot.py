"""Marks names that are valid for this boot only; for this process only if /proc hides the boot ID."""

from ...host.boot import boot_id

_MARK = " boot "


def of_this_boot(name: str) -> str:
    """The name, marked."""
    return name + _MARK + boot_id()


def is_of_another_boot(name: str) -> bool:
    """Whether a name is marked as one of another boot."""
    _, mark, boot = name.rpartition(_MARK)
    return bool(mark) and boot != boot_id()
