"""What is found: that a cause is the case, and what shows it."""

import enum
from typing import NamedTuple


class Severity(enum.IntEnum):
    """The exit status of `check` is the worst."""

    WARNING = 1
    """Reservations may work, but not always, or not as one might think."""

    ERROR = 2
    """They do not work."""


class Cause(NamedTuple):
    """code: never changes its meaning. means, remedy: sentences. order: in which they are listed."""

    code: str
    severity: Severity
    means: str
    remedy: str

    def found(self, about: str, seen: str, remedy: str = "") -> "Finding":
        """It is the case: of what, and what shows it. `remedy`: if there is a better one than the cause's own."""
        return Finding(self, about, seen, remedy or self.remedy)


class Finding(NamedTuple):
    """A cause that is the case."""

    cause: Cause
    about: str
    seen: str
    remedy: str
