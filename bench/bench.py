"""Both helpers, started the same way over the same made-up devices; how a figure is taken of each in turn."""

import contextlib
import fcntl
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.helper import Helper, for_any_interpreter

from .load import LoadProgram
from .plan import Plan
from .programs import Programs
from .results import Comparison, Rounds

HEALTHY = "/dev/null"
HANGING = "/dev/zero"
SOMETIMES_SLOW = "/dev/full"

Figures = Mapping[str, float | None]
"""What was measured of one helper in one round, by name; None: no answer."""

_MOST_CLIENTS = "4096"


@dataclass(frozen=True)
class Side:
    """One of the two helpers."""

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class Held:
    """Lets commands to the device HANGING hang from the start until `release`. See slow_sg.c."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "held"
        self.path.write_bytes(bytes(4))
        self._file = self.path.open("r+b")
        self._count = mmap.mmap(self._file.fileno(), 4)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    @property
    def hanging(self) -> int:
        """How many commands hang."""
        return int.from_bytes(self._count[:4], sys.byteorder)

    def release(self) -> None:
        """Let every one go on, and no other hang."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        self._count.close()
        self._file.close()


@dataclass(frozen=True)
class Running:
    """A helper process that is being measured."""

    helper: Helper
    load: LoadProgram
    held: Held

    def resident_kib(self) -> int:
        """How much of its memory is resident."""
        return self._numbers(Path(f"/proc/{self.helper.pid}/status"), "VmRSS:")

    def wakeups(self) -> int:
        """How often its threads have gone to sleep so far, which is how often they woke up."""
        tasks = Path(f"/proc/{self.helper.pid}/task").glob("*/status")
        return sum(self._numbers(task, "voluntary_ctxt_switches:") for task in tasks)

    @staticmethod
    def _numbers(file: Path, name: str) -> int:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            for line in file.read_text().splitlines():
                if line.startswith(name):
                    return int(line.split()[1])
        return 0


@dataclass
class Bench:
    """Programs, plan, and the two sides."""

    programs: Programs
    plan: Plan
    report_progress: Callable[[str], None]
    sides: tuple[Side, Side] = field(init=False)

    def __post_init__(self) -> None:
        limits = ("--max-clients", _MOST_CLIENTS, "--max-clients-per-process", _MOST_CLIENTS)
        command = (os.fspath(self.programs.python), "-m", "prhelper")
        ours = Side("prhelper", command, (*limits, "--log", "stderr"), for_any_interpreter())
        self.sides = ours, Side("C helper", (os.fspath(self.programs.reference),))

    def compare(
        self, what: str, measure: Callable[[Side], Figures], rounds: int | None = None
    ) -> dict[str, Comparison]:
        """Measure both in turn, round by round; as often as the plan says by default."""
        taken: dict[str, tuple[Rounds, Rounds]] = {}
        rounds = rounds or self.plan.rounds
        for number in range(rounds):
            for index, side in enumerate(self.sides):
                self.report_progress(f"{what}: round {number + 1} of {rounds}, {side.name}")
                for name, value in measure(side).items():
                    taken.setdefault(name, ([], []))[index].append(value)
        return {name: Comparison(*figures) for name, figures in taken.items()}

    @contextlib.contextmanager
    def running(self, side: Side, latency_us: int = 0, **settings: int) -> Iterator[Running]:
        """A fresh process, over devices that take so long; `settings` are more of slow_sg.c's, in lower case."""
        with tempfile.TemporaryDirectory(prefix="prhelper-bench-") as name:
            directory = Path(name)
            held = Held(directory)
            env = {
                **side.env,
                "LD_PRELOAD": os.fspath(self.programs.slow_sg),
                "SLOW_SG_US": str(latency_us),
                "SLOW_SG_HOLD": os.fspath(held.path),
                **{f"SLOW_SG_{setting.upper()}": str(value) for setting, value in settings.items()},
            }
            try:
                with Helper(directory, side.command, side.options, env) as helper:
                    yield Running(helper, LoadProgram(self.programs.load, helper.socket), held)
            finally:
                held.close()
