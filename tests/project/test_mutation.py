"""The mutants are what they say: one condition, evaluated and then taken for something else."""

import ast
import os
import subprocess
import sys
from typing import Any

import pytest

from tools.groups import GROUPS, chosen
from tools.mutants import candidates
from tools.mutation import Mutant, changes, conditions, mutate

SOURCE = """
def first_not_none(*values):
    while values:
        if (value := values[0]) is not None:
            return value
        values = values[1:]
    return "none" if _in_trio() or values is None else "nothing"

def small(number):
    return not number < 10
"""


def texts(every: bool) -> list[str]:
    return [ast.unparse(condition) for condition in conditions(ast.parse(SOURCE), every)]


def run(condition: str, change: str, function: str, *arguments: object) -> object:
    names: dict[str, Any] = {"_in_trio": lambda: True}
    mutant = Mutant("any", texts(every=True).index(condition), change, every=True)
    exec(compile(mutate(ast.parse(SOURCE), mutant), "mutant", "exec"), names)
    return names[function](*arguments)


def test_identity_and_questions_about_loops_are_the_conditions_that_matter_most() -> None:
    assert sorted(texts(every=False)) == ["(value := values[0]) is not None", "_in_trio()", "values is None"]


def test_all_that_decides_and_all_comparisons_are_conditions() -> None:
    assert sorted(texts(every=True)) == [
        "(value := values[0]) is not None",
        "_in_trio()",
        "number < 10",
        "values",
        "values is None",
    ]


@pytest.mark.parametrize(("change", "result"), [("True", None), ("False", "none")])
def test_a_condition_is_evaluated_and_taken_for_the_value(change: str, result: str | None) -> None:
    assert run("(value := values[0]) is not None", change, "first_not_none", None, 5) == result


@pytest.mark.parametrize(("number", "result"), [(9, False), (10, False), (11, True)])
def test_an_edge_moves_by_what_is_equal(number: int, result: bool) -> None:
    assert run("number < 10", "edge", "small", number) is result


def test_only_comparisons_by_size_have_an_edge() -> None:
    found = [condition for condition in conditions(ast.parse(SOURCE), every=True) if "edge" in changes(condition, True)]
    assert [ast.unparse(condition) for condition in found] == ["number < 10"]


def test_every_group_has_modules_and_tests_and_conditions() -> None:
    for group in GROUPS:
        assert all(path.exists() for path in group.modules())
        assert list(candidates([group.name]))
    with pytest.raises(SystemExit, match="there is no group nobody"):
        chosen(["nobody"])


@pytest.mark.parametrize("module", ["channel.fd_channel:0", "protocol.helper:0"])
def test_a_mutant_of_a_module_is_what_gets_imported(module: str) -> None:
    code = (
        f"import tools.mutation, sys, prhelper.{module[:-2]}; "
        f"print(type(sys.modules['prhelper.{module[:-2]}'].__loader__).__name__)"
    )
    command = [sys.executable, "-c", code]
    env = os.environ | {"MUTANT": f"{module}:True:False"}
    assert subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout == "_Loader\n"


def test_a_mutant_behaves_as_it_was_changed() -> None:
    code = (
        "import tools.mutation; from prhelper.channel import FileChannel; "
        "FileChannel.open('/dev/null').readv([bytearray(1)])"
    )
    command = [sys.executable, "-c", code]
    for change, status in ("False", 0), ("True", 1):
        env = os.environ | {"MUTANT": f"channel.fd_channel:0:{change}:False"}
        assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == status
