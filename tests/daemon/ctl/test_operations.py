"""The operations, through a real helper: what they do, what they print, and how they end."""

from pathlib import Path

import pytest

from ...support.helper import Helper
from .conftest import Run, by_another_process, parsed

WE_RO = "WRITE EXCLUSIVE REGISTRANTS ONLY"


@pytest.fixture
def on(helper: Helper, disk: Path) -> list[str]:
    """The arguments that all operations have here."""
    return ["-k", str(helper.socket), str(disk)]


def test_two_initiators_fence_each_other(ctl: Run, on: list[str]) -> None:
    assert ctl("register", "--param-sark=a1", *on) == (0, "", "")
    assert by_another_process(["register", "-S", "b2", *on]) == (0, "", "")
    assert ctl("reserve", "--param-rk=a1", "--prout-type=5", *on).status == 0
    shown = parsed(ctl("show", "--json", *on), "Shown")
    assert shown["reservation"] == {"key": "0xa1", "scope": 0, "type": WE_RO}
    assert [(each["key"], each["holds"]) for each in shown["registrations"]] == [("0xa1", True), ("0xb2", False)]
    conflict = by_another_process(["reserve", "-K", "b2", "-T", "5", *on])
    assert conflict.status == 24
    assert "RESERVATION CONFLICT" in conflict.err
    assert ctl("preempt", "-K", "a1", "-S", "b2", "-T", "5", *on).status == 0
    assert parsed(ctl("read-keys", "--json", *on), "Keys")["keys"] == ["0xa1"]
    assert ctl("release", "-K", "a1", "-T", "3", *on).status == 5
    assert ctl("release", "-K", "a1", "-T", "5", *on).status == 0
    assert parsed(ctl("read-reservation", "--json", *on), "HeldReservation")["reservation"] is None
    assert parsed(ctl("clear", "--json", "-K", "a1", *on), "Changed")["done"] == "clear"
    assert ctl("read-keys", *on).out.splitlines()[-1] == "no registrations"


def test_disk_that_is_the_cause_itself_is_one_to_check(ctl: Run, tmp_path: Path, disk: Path, on: list[str]) -> None:
    (tmp_path / "plain").mkdir()
    with Helper(tmp_path / "plain") as plain:
        done = ctl("show", "-k", plain.socket, disk)
    assert (done.status, done.out) == (11, "")
    assert done.err.endswith(f"I/O process terminated\n'prhelperctl check {disk}' may say why.\n")
    assert "check" not in ctl("release", "-K", "a1", "-T", "3", *on).err  # that is the command's own fault


def test_reservation_moves_to_a_port_that_is_named_as_sg_persist_does(ctl: Run, on: list[str]) -> None:
    assert ctl("register-ignore", "-S", "a1", "-Z", "-Y", *on).status == 0
    assert parsed(ctl("capabilities", "--json", *on), "Capabilities")["ptpl_a"] is True
    assert ctl("register", "-K", "a1", "-S", "0", *on).status == 0
    assert ctl("register", "-S", "a1", "-X", "sas,5000c50012345678", *on).status == 0
    assert ctl("reserve", "-K", "a1", "-T", "exclusive-access", *on).status == 0
    move = ("-K", "a1", "-S", "c3", "-X", "sas,5000c50012345678", "-Q", "1", "--unreg")
    assert ctl("register-move", *move, *on).status == 0
    (left,) = parsed(ctl("full-status", "--json", *on), "FullStatus")["registrants"]
    assert (left["key"], left["type"], left["port"]) == ("0xc3", "EXCLUSIVE ACCESS", "naa.5000c50012345678")


def test_preempt_and_abort_takes_the_reservation_and_the_next_command_is_not_held_up_by_the_unit_attention(
    ctl: Run, on: list[str]
) -> None:
    for arguments in (("register", "-S", "a1"), ("reserve", "-K", "a1", "-T", "1")):
        assert ctl(*arguments, *on).status == 0
    preempting = ["preempt-abort", "-K", "b2", "-S", "a1", "-T", "1", *on]
    assert by_another_process(["register", "-S", "b2", *on], preempting) == (0, "", "")
    held = parsed(ctl("read-reservation", "--json", *on), "HeldReservation")
    assert held["reservation"]["key"] == "0xb2"


def test_tables_are_for_people_and_80_columns_wide(ctl: Run, on: list[str]) -> None:
    assert ctl("register", "-S", "ffffffffffffffff", *on).status == 0
    for command in ("show", "full-status", "capabilities", "read-keys", "read-reservation"):
        done = ctl(command, *on)
        assert (done.status, done.err) == (0, "")
        first, *lines = done.out.splitlines()
        assert first.startswith(on[-1])
        assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("reserve", "-K", "a1"), 64, "--prout-type"),
        (("register", "-S", "xyz"), 64, "not a key in hexadecimal"),
        (("register",), 64, "--param-sark"),
        (("nothing",), 64, "invalid choice"),
    ],
)
def test_command_line_that_makes_no_sense_is_refused_with_64(
    ctl: Run, on: list[str], arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = ctl(*arguments, *on)
    assert done.status == status
    assert said in done.err


def test_disk_that_is_not_there_and_helper_that_is_not_there_have_statuses_of_their_own(
    ctl: Run, on: list[str], tmp_path: Path, disk: Path
) -> None:
    missing = ctl("read-keys", *on[:2], tmp_path / "none")
    assert missing.status == 66
    assert "cannot be opened for reading: No such file" in missing.err
    unreachable = ctl("read-keys", "-k", tmp_path / "none", disk)
    assert unreachable.status == 69
    assert "no helper at" in unreachable.err
