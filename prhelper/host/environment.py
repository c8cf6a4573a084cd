"""Variables of the environment that a service manager set for one process only (systemd.exec(5)).

Every child of that process inherits them. A child that heeded them would speak for a unit that is not its own. A
variable beside them holds the PID of the process that is meant.
"""

import os

_MEANT_BY = {
    "SYSTEMD_EXEC_PID": ("NOTIFY_SOCKET", "WATCHDOG_USEC", "RUNTIME_DIRECTORY", "STATE_DIRECTORY"),
    "WATCHDOG_PID": ("WATCHDOG_USEC",),
    "LISTEN_PID": ("LISTEN_FDS", "LISTEN_FDNAMES"),
}
"""The variable with the PID, and those that go with it. JOURNAL_STREAM needs none: it names the very file."""


def remove_variables_of_other_processes() -> None:
    """Remove from the environment what was meant for another process. Without a PID, it is meant for this one.

    Call it before any fork: what was meant for a process is meant for the child that takes over its work.
    """
    for pid, names in _MEANT_BY.items():
        if os.environ.get(pid) not in (None, "", str(os.getpid())):
            for name in (pid, *names):
                os.environ.pop(name, None)
