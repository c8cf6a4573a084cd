"""Starts that are refused: exit status 1, and a message that names the option, the value and, where there is one, the
remedy. Nothing is left behind.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ....support.client import Client
from ....support.helper import OURS, Helper, run_to_end

TELL_OF_LATE_IMPORTS = """\
import os, sys
from prhelper import cli, service
drop = service.drop_privileges
def drop_and_listen(identity):
    drop(identity)
    hear = lambda event, about: event == "import" and os.write(2, f"imported late: {about[0]}\\n".encode())
    sys.addaudithook(hear)
service.drop_privileges = drop_and_listen
status = cli.main(["--state-directory", os.path.dirname(sys.argv[2]) + "/state", *sys.argv[1:]])
sys.stderr.flush()
os._exit(status)
"""

LONG = "/" + "x" * 107

REFUSED = {
    "relative socket path": (("-k", "helper.sock"), "socket path must be absolute, 'helper.sock' is not"),
    "socket path too long": (("-k", LONG), f"'{LONG}' is longer than the 107 bytes"),
    "socket in no directory": (("-k", "{}/none/h.sock"), "--socket {}/none/h.sock: No such file or directory; make"),
    "unknown user": (("-k", "{}/h.sock", "-u", "no-such-user"), "--user no-such-user: there is no such user"),
    "unknown group": (("-k", "{}/h.sock", "-g", "no-such-group"), "--group no-such-group: there is no such group"),
    "user number without group": (("-k", "{}/h.sock", "-u", "3999999999"), "--user 3999999999: no account"),
    "pidfile in no directory": (("-k", "{}/h.sock", "-f", "{}/none/pid"), "--pidfile {}/none/pid: No such file"),
    "timeout no number": (("--timeout", "soon"), "argument --timeout: 'soon' is not a number of seconds"),
    "timeout zero": (("--request-timeout", "0"), "argument --request-timeout: '0' is not a number of seconds"),
    "timeout not a number": (("--stop-timeout", "nan"), "argument --stop-timeout: 'nan' is not a number of seconds"),
    "no clients": (("--max-clients", "0"), "argument --max-clients: '0' is not a number above 0"),
    "too many clients": (("--max-clients", "99999999999"), "argument --max-clients: '99999999999' is not a number"),
    "user of many digits": (("-k", "{}/h.sock", "-u", "9" * 5000), "there is no such user"),
    "negative clients": (("--max-clients-per-process=-1",), "argument --max-clients-per-process: '-1' is not"),
    "mode not octal": (("--socket-mode", "rw"), "argument --socket-mode: 'rw' is not an octal mode"),
    "mode with more than permissions": (("--socket-mode", "4755"), "argument --socket-mode: '4755' is not an octal"),
    "unknown log": (("--log", "paper"), "argument --log: invalid choice: 'paper'"),
    "unknown option": (("--colour",), "unrecognized arguments: --colour"),
    "a stray word": (("helper.sock",), "unrecognized arguments: helper.sock"),
    "standard error in the background": (("-d", "-k", "{}/h.sock", "--log=stderr"), "a daemon has no standard error"),
    "multipath where it is not possible": (
        (
            "-k",
            "{}/h.sock",
            "--multipath=on",
            "--multipath-socket={}/none",
            *(("-u", "nobody") if os.geteuid() == 0 else ()),
        ),
        "--multipath=on: prhelper acts on multipath maps only as root with CAP_SYS_RAWIO",
    ),
    "multipath socket in another place": (("--multipath-socket", "w.sock"), "socket path must be absolute, 'w.sock'"),
    "worker as another user": (("--multipath-worker", "-u", "nobody"), "--multipath-worker cannot be used with --user"),
    "unknown multipath": (("--multipath=maybe",), "argument --multipath: invalid choice: 'maybe'"),
    "trace key": (("-T", "colour=red"), "--trace: 'colour=' is none of"),
    "trace events file": (("-T", "events={}/none"), "--trace: events={}/none: No such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_start_says_why_exits_with_1_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    options, message = REFUSED[name]
    done = run_to_end(*(option.replace("{}", str(tmp_path)) for option in options))
    assert done.returncode == 1
    assert done.stderr.startswith("prhelper: ")
    assert message.replace("{}", str(tmp_path)) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do all of it: run the tests as an ordinary user too")
@pytest.mark.parametrize(
    ("options", "message"),
    [(("-u", "root"), "-u and -g need root"), (("-g", "root"), "-u and -g need root")],
    ids=["user", "group"],
)
def test_an_ordinary_user_cannot_become_another(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = run_to_end("-k", tmp_path / "helper.sock", *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: run the tests as an ordinary user too")
def test_a_directory_that_may_not_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = run_to_end("-k", tmp_path / "helper.sock")
    assert done.returncode == 1
    assert f"--socket {tmp_path}/helper.sock: Permission denied; run prhelper as a user who may write" in done.stderr


@pytest.mark.parametrize(
    ("option", "text"), [("--version", "prhelper 0."), ("--help", "usage: prhelper"), ("-Thelp", "prh_request_begin")]
)
def test_a_question_is_answered_on_standard_output_with_status_0(option: str, text: str) -> None:
    done = run_to_end(option)
    assert done.returncode == 0
    assert done.stdout.startswith(text) or text in done.stdout.splitlines()
    assert done.stderr == ""


SURROUNDINGS = {
    "hardly a file": ("ulimit -n 8; ", "only 8 open files are allowed"),
    "few files": ("ulimit -n 13; ", "raise the limit (LimitNOFILE=, ulimit -n)"),
    "no directory": ('mkdir gone; cd gone; rmdir ../gone; set -- "$@" -f pid; ', "argument -f/--pidfile: 'pid' is rel"),
    "many passed sockets": ("export LISTEN_PID=$$ LISTEN_FDS=300000000; ", "systemd passed 300000000 sockets"),
    "no passed socket": ("export LISTEN_PID=$$ LISTEN_FDS=1; ", "what systemd passed is no socket"),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings_that_do_not_allow_a_start_are_named_in_one_line(tmp_path: Path, name: str) -> None:
    prepare, message = SURROUNDINGS[name]
    command = ["sh", "-c", f'{prepare}exec "$@"', "sh", *OURS, "-k", str(tmp_path / "helper.sock")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_question_whose_answer_cannot_be_written_fails_with_status_1() -> None:
    for option in ("--help", "--version", "-Thelp"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*OURS, option], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "prhelper: standard output: No space left on device\n"


def test_nothing_is_imported_once_privileges_are_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", TELL_OF_LATE_IMPORTS]
    with Helper(tmp_path, command, ["--emulate"]) as helper:
        with Client(helper.socket):
            pass
        assert helper.stop() == 0
        assert "imported late" not in helper.output()


BLOCKED_SIGNALS = """\
import signal, sys
from pathlib import Path
from prhelper import daemon
from prhelper.logs import trace
from prhelper.options import Options

def tell(*_):
    print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    return trace.Enabled(None, [])

trace.enable = tell
try:
    daemon.run(Options(socket=Path(sys.argv[1]), trace=("x",)))
except daemon.StartError:
    tell()
"""


def test_a_stop_signal_ends_a_start_that_waits_before_anything_is_made_or_after_it_is_removed(tmp_path: Path) -> None:
    """Where it waits: for a reader of `-T file=FIFO`, for one of a full standard error."""
    command = [sys.executable, "-c", BLOCKED_SIGNALS, str(tmp_path / "missing/socket")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")


INTERRUPTED = """\
import signal, sys
from prhelper import cli

cli._parse = lambda *_: signal.raise_signal(signal.SIGINT)
cli.main([])
"""


def test_an_interrupt_ends_an_early_start_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_too_few_threads_are_warned_of(tmp_path: Path) -> None:
    user = [] if os.getuid() else ["-u", "nobody"]  # the limit does not apply to root
    with Helper(tmp_path, ["prlimit", "--nproc=200", *OURS], user) as helper:
        assert helper.stop() == 0
        assert "only 200 threads are allowed" in helper.output()
