"""Does a test notice when a condition of the channel layer is wrong? `make mutants`, a quarter of an hour.

Every comparison by identity in `prhelper/channel`, "is None" above all, and every question about the running loop, is
taken for true and for false, one at a time, and the channel's tests must fail each time. Names of modules as arguments
restrict it to those. Exit status 1 if a mutant survives that is not known to make no difference.
"""

import ast
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .mutation import Mutant, conditions

CHANNEL = Path("prhelper/channel")
TESTS = Path("tests/unit/channel")
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", f"{__package__}.mutation"]
PYTEST += ["--timeout=20", "--timeout-method=thread"]  # which ends the whole run, whatever hangs in it
AT_ONCE = min(2, os.cpu_count() or 1)
LONGEST_RUN = 200.0
"""Seconds, after which a mutant is taken to hang."""

NO_DIFFERENCE: dict[tuple[str, str, bool], str] = {}
"""Module, condition and value of mutants that survive by right, each with the reason."""

TRY_FIRST = {
    "base": ["test_follow", "test_memory_kinds", "test_conformance"],
    "context": ["test_contexts", "test_waits", "test_conformance"],
    "fd_channel": ["test_file_channel", "test_command_channel"],
    "home": ["test_home_loop", "test_home_watches", "test_follow"],
    "lifetime": ["test_waits", "test_races", "test_conformance"],
    "loops": ["test_contexts", "test_conformance"],
    "null": ["test_memory_kinds"],
    "buffer": ["test_memory_kinds"],
    "socket": ["test_descriptor_passing", "test_socket_channel", "test_tcp", "test_listener"],
    "transfer": ["test_conformance"],
    "unix_path": ["test_listener"],
    "waiter": ["test_waits", "test_contexts", "test_conformance"],
}
"""The tests most likely to fail; all others follow. By default those named after the module."""


def main(modules: list[str]) -> int:
    """Test all mutants of `modules`, or of all of them: the exit status."""
    mutants = [
        (Mutant(path.stem, number, value), ast.unparse(condition), condition.lineno)
        for path in sorted(CHANNEL.glob("*.py"))
        if not modules or path.stem in modules
        for number, condition in enumerate(conditions(ast.parse(path.read_bytes())))
        for value in (True, False)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        fates = list(pool.map(lambda entry: report(*entry), mutants))
    survivors = fates.count(False)
    print(f"{len(fates)} mutants, {survivors} survived")
    return 1 if survivors or not fates else 0


def report(mutant: Mutant, condition: str, line: int) -> bool:
    """Test a mutant and print what came of it: whether that is as it should be."""
    where = f"{mutant.module}.py:{line}: {condition} taken for {mutant.value}"
    if (reason := NO_DIFFERENCE.get((mutant.module, condition, mutant.value))) is not None:
        print(f"makes no difference  {where}: {reason}", flush=True)
        return True
    outcome = tests_notice(mutant)
    print(f"{outcome or 'SURVIVED':20} {where}", flush=True)
    return outcome is not None


def tests_notice(mutant: Mutant) -> str | None:
    """How the tests noticed the mutant, or None if they did not."""
    names = TRY_FIRST.get(mutant.module)
    likely = [TESTS / f"{name}.py" for name in names] if names else sorted(TESTS.glob(f"test_*{mutant.module}*.py"))
    return run_tests(mutant, likely) or run_tests(mutant, [TESTS])


def run_tests(mutant: Mutant, paths: list[Path]) -> str | None:
    """How these tests noticed the mutant, or None if they did not."""
    process = subprocess.Popen(
        [*PYTEST, *paths],
        env=os.environ | {"MUTANT": str(mutant)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        output, _ = process.communicate(timeout=LONGEST_RUN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "hung"
    if process.returncode == 0:
        return None
    failed = [line.split("::")[-1] for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if failed:
        return f"noticed by {failed[0].split(' - ')[0]}"
    return "hung" if "Timeout" in output else "could not be run"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
