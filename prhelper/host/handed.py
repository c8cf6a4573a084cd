"""Which variables of the environment a service manager meant for this process (systemd.exec(5)).

A manager hands them to the one process that it starts, yet every child of that process inherits them. A child that
heeded them would speak for a unit that is not its own. Beside them stands the number of the process that is meant.
"""

import os

_MEANT_BY = {
    "SYSTEMD_EXEC_PID": ("NOTIFY_SOCKET", "WATCHDOG_USEC", "STATE_DIRECTORY"),
    "WATCHDOG_PID": ("WATCHDOG_USEC",),
    "LISTEN_PID": ("LISTEN_FDS", "LISTEN_FDNAMES"),
}
"""The variable with the number, and those that go with it. JOURNAL_STREAM needs none: it names the very file."""


def forget_what_is_for_others() -> None:
    """Drop from the environment what was meant for another process; where no number is given, it is for this one.

    Call it before any fork: what was meant for a process is meant for the child that takes over its work.
    """
    for number, names in _MEANT_BY.items():
        if os.environ.get(number) not in (None, "", str(os.getpid())):
            for name in (number, *names):
                os.environ.pop(name, None)
