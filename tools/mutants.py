"""Does a test notice when a condition of the core is wrong? `make mutants`, some two hours.

Each condition (`mutation.conditions`) is taken for true and for false, and each < for <=, one at a time, and the tests
of its group (`groups.py`) must fail each time. Names of groups, or of modules such as `channel.base`, as arguments
restrict it to those. Exit status 1 if a mutant survives that is not known to make no difference.
"""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .groups import GROUPS, Group
from .mutation import Mutant, changes, conditions

PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", f"{__package__}.mutation"]
PYTEST += ["--timeout=20", "--timeout-method=thread"]  # which ends the whole run, whatever hangs in it
AT_ONCE = min(2, os.cpu_count() or 1)
MAX_SECONDS = 200.0
"""After so long a mutant is taken to hang."""

_RULES = "device.multipath.rules."
_FOLLOWS = "it spares following the command"

NO_DIFFERENCE: dict[tuple[str, str, str], str] = {
    ("device.dispatch", "OSError()", "True"): "for the type checker: without a device there is an error",
    ("device.dispatch", "OSError()", "False"): "for the type checker: without a device there is an error",
    ("device.dispatch", "self._stand_in is not None", "True"): "for the type checker: there is one with `always`",
    (f"{_RULES}commands", "found", "True"): "one hash in 2**64 is 0",
    (f"{_RULES}commands", "found != key", "True"): "one key in 2**64 is its own hash",
    (f"{_RULES}commands", "keys is None", "False"): "for the type checker: the list is short then",
    (f"{_RULES}registering", "sequence.lost_an_answer", "True"): "it spares a command",
    (f"{_RULES}registering", "is_conflict(outcome)", "True"): "it spares a command",
    (f"{_RULES}reserving", "keeper is None", "False"): "for the type checker: it is not GOOD then",
    (f"{_RULES}reserving", "leaves", "True"): "every path keeps its key then: it spares a write",
    (f"{_RULES}sequence", "entry != self.entry", "True"): "it spares a write",
    (f"{_RULES}settling", "path not in sequence.live", "False"): "a path that is away is sent nothing",
    (f"{_RULES}taking_over", "sequence.live", "True"): "whoever asks next finds no path",
    ("protocol.helper", "size", "True"): "it spares a call",
    ("scheduler.iothread", "stalled.calling is not None", "True"): "what is no device is never fast",
    ("scheduler.iothread", "stalled.calling", "True"): "it words a trace event",
    ("scheduler.iothread", "stalled.calling", "False"): "it words a trace event",
    ("scheduler.shared_cpu", "self._pinned", "True"): "a mask is never empty, so it is not the one set here",
    ("scheduler.shared_cpu", "time.monotonic() < self._leave_at", "edge"): "a nanosecond of a second",
    ("scheduler.shared_cpu", "self._cpu == self._shared.cpu", "False"): "it spares system calls that change nothing",
    ("scheduler.iothread", "trace.channel_rest.enabled", "True"): "the event asks itself: it spares a call",
    ("scheduler.resting", "fd < 0", "edge"): "descriptor 0 is standard input, and no channel's",
    ("scheduler.resting", "time.perf_counter() - began < BUSY_POLL", "edge"): "never equal, but by chance",
    ("scheduler.resting", "time.perf_counter() < until", "edge"): "never equal, but by chance",
    ("scheduler.resting", "waiter.deadline < self._awake_at", "edge"): "one kick too many makes no difference",
    ("scheduler.resting", "deadline <= now", "edge"): "never equal, but by chance",
    ("scheduler.resting", "strand.waiter is not None", "True"): "for the type checker: it rested, so it has one",
    ("scheduler.resting", "self._deadlines", "True"): "there is none then: it spares a call",
    ("scheduler.stall_guard", "time.monotonic() - seen_at >= _STALLED", "edge"): "never equal, but by chance",
    ("scheduler.thread_pool", "in_reserve", "False"): "it waits anew after IDLE_SECONDS, for it is not idle",
    ("client.connection", "time.monotonic() + RETRY_PAUSE > deadline", "edge"): "never equal, but by chance",
    ("control.names", "asked", "True"): "there is nothing to look up then: it spares a thread",
    ("control.names", "device.is_device", "True"): "sysfs has nothing else: it spares a look",
    ("control.reaching", "ask is not None", "True"): "nothing can be asked then: it spares a thread",
    ("control.reaching", "time.monotonic() - self._asked >= FRESH", "edge"): "never equal, but by chance",
    ("control.wording", "seen.slowest", "True"): "for the type checker: the first command is the slowest",
    ("ctl.control", "len(self._received) > _MAX_MESSAGE", "edge"): "a byte of 64 MiB",
    ("ctl.check.qmp", "size < _MAX_BYTES", "edge"): "a byte of 1 MiB",
    ("ctl.check.qmp", "(left := (deadline - time.monotonic())) > 0", "edge"): "never equal, but by chance",
    ("ctl.check.qmp", "(left := (deadline - time.monotonic())) > 0", "True"): "a socket takes no time below zero",
    ("ctl.qemu", "name == 'blockdev'", "True"): "what else has such a name is a drive, and found as one",
    ("ctl.qemu", "name == 'device'", "True"): "no other option has a drive",
    ("ctl.qemu", "name == 'mon'", "True"): "no other option has that mode",
    ("ctl.qemu", "name.startswith('qmp')", "True"): "no other option has a backend that begins like that",
    ("serving.registrations", "action in _REGISTERING", "False"): _FOLLOWS,
    ("serving.registrations", "addresses is self._addresses", "False"): _FOLLOWS,
    ("serving.registrations", "alone", "False"): _FOLLOWS,
    ("serving.registrations", "ended.peer == self._alone", "False"): _FOLLOWS,
    ("serving.registrations", "len(self._all) == 1", "False"): _FOLLOWS,
    ("serving.registrations", "self._all[0].is_of(ended, addresses)", "False"): _FOLLOWS,
    ("serving.registrations", "self.peer is peer", "False"): "it spares a comparison",
    ("serving.registrations", "self.warned", "True"): _FOLLOWS,
    ("serving.seen", "ended.device is not None", "True"): "for the type checker: a device that is remembered has one",
    ("serving.seen", "device is None", "False"): "for the type checker: no device is remembered as None",
    ("serving.seen", "note is not None", "True"): "the slow way does the same",
    ("serving.seen", "seen is None", "True"): "the slow way does the same",
    ("serving.seen", "other.last.at > self.last.at", "edge"): "never equal, but by chance",
    ("serving.seen", "others", "True"): "it spares a call",
    ("serving.seen", "self.watchers.all", "True"): "it spares a lock",
    ("serving.seen", "trouble is not None", "True"): "the slow way does the same",
    ("serving.take_over", "command.is_out", "True"): "no other command has keys",
    ("serving.take_over", "key", "False"): "the PREEMPT looks at it again",
    ("serving.server", "device is not None", "True"): "closing None fails, in a thread of its own",
    ("serving.server", "rest.device is not None", "True"): "closing None fails, in a thread of its own",
    ("serving.session", "(size := decoder.size_behind(data, fds))", "True"): "reading 0 bytes reads none",
    ("serving.session", "(size := decoder.size_behind(data, fds))", "False"): "what is read after it reads that too",
    ("serving.session", "decoder.takes_descriptors", "True"): "it spares a wait",
    ("serving.session", "decoder.holds_descriptors", "True"): "there is nothing to close then: it spares a call",
}
"""Module, condition and change of mutants that survive by right, each with the reason."""

TRY_FIRST = {
    "channel.base": ["test_follow", "test_memory_kinds", "test_conformance"],
    "channel.context": ["test_contexts", "test_waits", "test_conformance"],
    "channel.fd_channel": ["test_file_channel", "test_command_channel"],
    "channel.home": ["test_home_loop", "test_home_watches", "test_follow"],
    "channel.lifetime": ["test_waits", "test_races", "test_conformance"],
    "channel.loops": ["test_contexts", "test_conformance"],
    "channel.null": ["test_memory_kinds"],
    "channel.buffer": ["test_memory_kinds"],
    "channel.socket": [
        "test_descriptor_passing",
        "test_socket_channel",
        "test_tcp",
        "test_listener",
        "test_socket_file",
    ],
    "channel.transfer": ["test_conformance"],
    "channel.unix_path": ["test_socket_file", "test_listener"],
    "channel.waiter": ["test_waits", "test_contexts", "test_conformance"],
    "channel.tls.channel": ["test_tls_end", "test_tls_handshake", "test_tls_interruption"],
    "channel.tls.ciphertext": ["test_tls_interruption", "test_tls_end", "test_tls_traffic"],
    "channel.tls.credentials": ["test_tls_credentials"],
    "channel.tls.session": ["test_tls_end", "test_tls_handshake", "test_tls_interruption"],
}
"""The tests most likely to fail; all others of the group follow. By default those named after the module."""


class Candidate(NamedTuple):
    """A mutant, and what can be said of it before it is tested."""

    group: Group
    mutant: Mutant
    condition: str
    line: int


def main(names: list[str]) -> int:
    """Test all mutants of these groups or modules, or of all: the exit status."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        fates = list(pool.map(report, candidates(names)))
    survivors = fates.count(False)
    print(f"{len(fates)} mutants, {survivors} survived")
    return 1 if survivors or not fates else 0


def candidates(names: list[str]) -> Iterator[Candidate]:
    """Every mutant, those of groups with few tests first."""
    for group in sorted(GROUPS, key=lambda group: not group.every_condition):
        for path in group.modules():
            module = module_name(path)
            if names and group.name not in names and module not in names:
                continue
            tree = ast.parse(path.read_bytes())
            for number, condition in enumerate(conditions(tree, group.every_condition)):
                for change in changes(condition, group.every_condition):
                    mutant = Mutant(module, number, change, group.every_condition)
                    yield Candidate(group, mutant, ast.unparse(condition), condition.lineno)


def module_name(path: Path) -> str:
    """The name of a module within prhelper."""
    return ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")


def report(candidate: Candidate) -> bool:
    """Test a mutant and print what came of it: whether that is as it should be."""
    mutant, condition = candidate.mutant, candidate.condition
    change = "with its edge moved" if mutant.change == "edge" else f"taken for {mutant.change}"
    where = f"{mutant.module}:{candidate.line}: {condition} {change}"
    if (reason := NO_DIFFERENCE.get((mutant.module, condition, mutant.change))) is not None:
        print(f"makes no difference  {where}: {reason}", flush=True)
        return True
    outcome = tests_notice(candidate)
    print(f"{outcome or 'SURVIVED':20} {where}", flush=True)
    return outcome is not None


def tests_notice(candidate: Candidate) -> str | None:
    """How the tests noticed the mutant, or None if they did not."""
    tests = [Path(test) for test in candidate.group.tests]
    likely = [path for test in tests if test.is_dir() for path in likely_in(test, candidate.mutant.module)]
    return run_tests(candidate.mutant, likely) or run_tests(candidate.mutant, tests)


def likely_in(folder: Path, module: str) -> list[Path]:
    """The tests in `folder` that are the most likely to notice something wrong with a module."""
    if (names := TRY_FIRST.get(module)) is not None:
        return [folder / f"{name}.py" for name in names]
    return sorted(folder.glob(f"test_*{module.split('.')[-1]}*.py"))


def run_tests(mutant: Mutant, paths: list[Path]) -> str | None:
    """How these tests noticed the mutant, or None if they did not."""
    if not paths:
        return None
    process = subprocess.Popen(
        [*PYTEST, *map(str, paths)],
        env=os.environ | {"MUTANT": str(mutant)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        output, _ = process.communicate(timeout=MAX_SECONDS)
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
