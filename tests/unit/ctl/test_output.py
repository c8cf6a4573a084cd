"""Tables for people: narrow, plain where no one looks, and safe from the names in them."""

import io

import pytest

from prhelper.ctl import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert output.table(("KEY", "WHO"), [("0xa1", "us"), ("0x1", "them")]) == "KEY   WHO\n0xa1  us\n0x1   them"


def test_last_column_is_cut_off_at_80_columns_and_no_other() -> None:
    lines = output.table(("A", "B"), [("x" * 30, "y" * 60)]).splitlines()
    assert lines[1] == "x" * 30 + "  " + "y" * 45 + "..."
    assert len(lines[1]) == output.WIDTH


def test_names_that_others_chose_leave_room_for_numbers_and_keys() -> None:
    """As of `clients`: a machine's name has up to 64 characters, and a command with its disk as many."""
    row = ("4711", "107", "2026-11-27 05:00:11", "123456", "REGISTER AND IGNORE EXISTING KEY mpathab 1 h", "m" * 64)
    line = output.table(("PID", "UID", "SINCE", "COMMANDS", "IN FLIGHT", "WHO"), [row]).splitlines()[1]
    assert len(line) == output.WIDTH
    assert line.startswith("4711  107  2026-11-27 05:00:11  123456    REGISTER AND IG...  mmm")
    key = output.table(("KEY", "WHO", "PORT"), [("0x" + "f" * 16, "w" * 90, "iqn.2026-01.example:" + "n" * 200)])
    assert key.splitlines()[1].startswith("0x" + "f" * 16 + "  ")
    assert max(map(len, key.splitlines())) == output.WIDTH


def test_name_cannot_move_the_cursor() -> None:
    assert "\033" not in output.table(("A",), [("evil\033[2J\n",)])


def test_colours_are_for_terminals_that_are_not_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.coloured("text", output.RED, Terminal()) == "\033[31mtext\033[0m"
    assert output.coloured("text", output.RED, io.StringIO()) == "text"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.coloured("text", output.RED, Terminal()) == "text"


def test_names_that_are_no_utf_8_make_json_that_others_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"path": "/a\udcff \ud800 \N{GRINNING FACE} \\udcff"})
    text = capsys.readouterr().out
    assert text == '{"path": "/a\\ufffd \\ufffd \\ud83d\\ude00 \\\\udcff"}\n'
