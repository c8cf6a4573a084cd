"""The manual has every subcommand, option and exit status."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.cli import build_parser
from prhelper.ctl.exits import Exit

MANUAL = (Path(__file__).parents[3] / "man" / "prhelperctl.8").read_text()
OFTEN = {"-h", "--help"}


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """Under each of their names."""
    (found,) = (each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction))
    return found.choices


def options() -> Iterator[str]:
    for parser in (build_parser(), *subcommands().values()):
        for action in parser._actions:
            yield from action.option_strings


@pytest.mark.parametrize("name", list(subcommands()))
def test_subcommand_is_explained(name: str) -> None:
    assert re.search(rf"^\.It Cm (.* , )?{name}( ,|$)", MANUAL, re.MULTILINE)


@pytest.mark.parametrize("option", sorted({*options()} - OFTEN))
def test_option_is_explained(option: str) -> None:
    assert re.search(rf"^\.It Fl (.* , Fl )?{option[1:]}( |$)", MANUAL, re.MULTILINE)


def test_exit_statuses_are_those_that_there_are() -> None:
    section = MANUAL.partition(".Sh EXIT STATUS")[2].partition(".El")[0]
    told = [int(number) for line in re.findall(r"^\.It (.*)", section, re.MULTILINE) for number in line.split(" , ")]
    assert sorted(told) == sorted(Exit)
