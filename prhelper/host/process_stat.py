"""What /proc/PID/stat says of a process (proc(5)). Reading it never waits for the process."""

from typing import NamedTuple

_PF_EXITING = 0x4
"""The process is ending, or has ended and was not waited for (include/linux/sched.h)."""


class ProcessStat(NamedTuple):
    """flags: PF_*, as include/linux/sched.h has them. started: in clock ticks since boot; with the PID it is unique."""

    flags: int
    started: int

    @classmethod
    def parse(cls, content: bytes) -> "ProcessStat":
        """Read the file's content."""
        after_name = content.rpartition(b")")[2].split()  # the name may contain spaces and parentheses
        return cls(int(after_name[6]), int(after_name[19]))

    @property
    def is_exiting(self) -> bool:
        """Whether it is ending, or has ended and was not waited for."""
        return bool(self.flags & _PF_EXITING)
