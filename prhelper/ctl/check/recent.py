"""The helper's log of the last hour, without keys, for a report."""

import re

from . import journal

_KEY = re.compile(
    r"(\bkey |prkey [^:]*: )0x[0-9a-f]+"  # of a reservation's line, of what multipathd was asked
    r"|(\bhas the keys )\([^)]*\)"  # of a damaged journal
    r"|(\bparameter list |(?<!sense )\bdata )[0-9a-f]{2}[0-9a-f ]*"  # of log level bytes, of prh_request_*
)
_MAX_LINES = 1000


def lines() -> list[str]:
    """The last lines of the journal that are the helper's; none where there is no journal to read."""
    recent = journal.lines("-o", "short-iso", "--since=-1h", "-t", "prhelper", f"-n{_MAX_LINES}")
    return list(map(without_keys, recent))


def without_keys(line: str) -> str:
    """The same with each key blotted out: who knows one may preempt it."""
    return _KEY.sub(lambda found: f"{found[1] or found[2] or found[3]}(blotted out)", line)
