"""What is imported before clients can connect: no more than that takes. libvirt and its machine wait for it."""

import os
import subprocess
import sys
from pathlib import Path

STANDARD_LIBRARY = """
argparse array collections contextlib copyreg enum errno fcntl fnmatch functools gettext importlib ipaddress itertools
keyword locale math ntpath operator pathlib re reprlib resource select selectors signal socket struct threading types
typing urllib warnings weakref
"""
"""What options, paths and sockets need of it; modules in C that these consist of are not named."""

SINCE = {
    (3, 13): "glob grp pwd",  # pathlib
    (
        3,
        14,
    ): "annotationlib ast copy dataclasses dis inspect io linecache opcode token tokenize",  # argparse, for colours
}
"""What newer versions of CPython need beyond that."""

OURS = """
prhelper prhelper.channel prhelper.channel.socket_file prhelper.cli prhelper.daemon prhelper.host
prhelper.host.activation prhelper.host.background prhelper.host.cgroups prhelper.host.environment prhelper.host.errors
prhelper.host.file_lock prhelper.host.limits prhelper.host.signals prhelper.option_values prhelper.options
prhelper.start
"""

TELL_AT_FIRST = """\
import sys
before = set(sys.modules)

class Tell:
    def find_spec(self, name, path, target=None):
        if name == "prhelper.service":
            now = set(sys.modules) - before
            import socket
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(sys.argv[2])
            print(*now)
            raise ImportError("seen enough")

sys.meta_path.insert(0, Tell())
from prhelper.cli import main
sys.exit(main())
"""


def test_little_is_imported_before_clients_can_connect(tmp_path: Path) -> None:
    path = tmp_path / "helper.sock"
    command = [sys.executable, "-I", "-c", TELL_AT_FIRST, "-k", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    imported = {name for name in done.stdout.split() if not name.startswith("_")}
    ours = {name for name in imported if name.partition(".")[0] == "prhelper"}
    others = {name.partition(".")[0] for name in imported - ours}
    newer = {name for version, names in SINCE.items() if sys.version_info >= version for name in names.split()}
    assert ours == set(OURS.split()), done.stderr
    assert others - set(STANDARD_LIBRARY.split()) - newer == set()


WITHOUT_ANYIO = """\
import sys
sys.modules["anyio"] = None
sys.addaudithook(lambda event, _: event == "socket.bind" and print("bound"))
from prhelper.cli import main
sys.exit(main())
"""


def test_without_its_one_dependency_a_start_fails_before_it_listens(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", WITHOUT_ANYIO, "-k", str(tmp_path / "helper.sock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "prhelper: cannot start: the Python package anyio is missing; install it, or prhelper anew\n"
    )


def test_a_program_that_cannot_be_imported_is_a_start_that_fails_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "helper.sock"
    command = [sys.executable, "-I", "-c", TELL_AT_FIRST, "-k", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr == "prhelper: cannot start: seen enough\n"
    assert os.listdir(tmp_path) == []  # noqa: PTH208
