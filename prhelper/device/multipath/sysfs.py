"""Attributes of devices in sysfs."""

import errno
from pathlib import Path

from ..stack import text_of

SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What keeps any file from being opened, and says nothing of the device that it is about."""


def attribute(file: Path) -> str:
    """What a device says of itself; empty if it, or the attribute, is not there.

    Raises OSError if descriptors or memory are short: what cannot be read now must not be taken for absent.
    """
    try:
        return text_of(file)
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        return ""
