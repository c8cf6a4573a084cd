"""Starts that are refused: exit status 1, and a message that names the option, the value and, where there is one, the
remedy. Nothing is left behind.
"""

import os
from pathlib import Path

import pytest

from ...support.helper import run_to_end

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
    "negative clients": (("--max-clients-per-process=-1",), "argument --max-clients-per-process: '-1' is not"),
    "mode not octal": (("--socket-mode", "rw"), "argument --socket-mode: 'rw' is not an octal mode"),
    "mode with more than permissions": (("--socket-mode", "4755"), "argument --socket-mode: '4755' is not an octal"),
    "unknown log": (("--log", "paper"), "argument --log: invalid choice: 'paper'"),
    "unknown option": (("--colour",), "unrecognized arguments: --colour"),
    "a stray word": (("helper.sock",), "unrecognized arguments: helper.sock"),
    "standard error in the background": (("-d", "-k", "{}/h.sock", "--log=stderr"), "a daemon has no standard error"),
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
