"""`make demo`, as a new user runs it: the story is told to its end, and fits the terminal."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "demo")

STORY = (
    "Both nodes register",
    "Node A takes the disk",
    "RESERVATION CONFLICT",
    "is stopped (SIGSTOP)",
    "held by key 0xa1",
    "PERSISTENT RESERVE OUT PREEMPT",
    "held by key 0xb2",
    "goes on (SIGCONT)",
    "06/2A/05 unit attention, registrations preempted",
    "RESERVATION CONFLICT",
    "ended with status 0",
    "-object pr-manager-helper",
)


def test_story_is_told_in_order_and_in_80_columns_without_colour(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(DEMO, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")
    rest = " ".join(done.stdout.split())
    for chapter in STORY:
        _, found, rest = rest.partition(chapter)
        assert found, chapter
    assert "\033" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_terminal_gets_colour_and_no_line_beyond_80_columns() -> None:
    reading, terminal = pty.openpty()
    with open(reading, "rb", buffering=0) as output:  # noqa: PTH123
        env = {**os.environ, "TERM": "xterm"}
        env.pop("NO_COLOR", None)
        with subprocess.Popen(DEMO, cwd=REPOSITORY, env=env, stdout=terminal, stderr=terminal) as demo:
            os.close(terminal)
            text = b""
            while chunk := _read(output.fileno()):
                text += chunk
        assert demo.returncode == 0
    assert b"\033[32m" in text
    lines = re.sub(r"\033\[\d+m", "", text.decode()).splitlines()
    assert max(map(len, lines)) <= 80


def test_reader_who_leaves_early_ends_it_without_a_word(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(DEMO, cwd=REPOSITORY, env=env, text=True, stdout=pipe, stderr=pipe) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == ""
    assert demo.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_node_that_dies_is_not_taken_for_a_reader_who_leaves(tmp_path: Path) -> None:
    code = (
        "import os, signal, runpy; from demo.cast import Node; begin = Node.begin\n"
        "def die(node, command): os.kill(node.pid, signal.SIGKILL); node._process.wait(); begin(node, command)\n"
        "Node.begin = die; runpy.run_module('demo', run_name='__main__')"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "BrokenPipeError" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other side is closed
        return b""
