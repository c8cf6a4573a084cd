"""The mutants are what they say: one condition, evaluated and then taken for something else."""

import ast
import os
import subprocess
import sys
from typing import Any

import pytest

from tools.mutation import Mutant, conditions, mutate

SOURCE = """
def first_not_none(*values):
    while values:
        if (value := values[0]) is not None:
            return value
        values = values[1:]
    return "none" if _in_trio() or values is None else "nothing"
"""


def test_identity_and_questions_about_loops_are_conditions() -> None:
    found = [ast.unparse(condition) for condition in conditions(ast.parse(SOURCE))]
    assert sorted(found) == ["(value := values[0]) is not None", "_in_trio()", "values is None"]


@pytest.mark.parametrize(("value", "result"), [(True, None), (False, "none")])
def test_a_condition_is_evaluated_and_taken_for_the_value(value: bool, result: str | None) -> None:
    names: dict[str, Any] = {"_in_trio": lambda: True}
    texts = [ast.unparse(condition) for condition in conditions(ast.parse(SOURCE))]
    mutant = Mutant("any", texts.index("(value := values[0]) is not None"), value)
    exec(compile(mutate(ast.parse(SOURCE), mutant), "mutant", "exec"), names)
    assert names["first_not_none"](None, 5) == result


def test_a_mutant_of_a_module_is_what_gets_imported() -> None:
    code = (
        "import tools.mutation; from prhelper.channel import FileChannel; "
        "FileChannel.open('/dev/null').readv([bytearray(1)])"
    )
    command = [sys.executable, "-c", code]
    for value, status in ("False", 0), ("True", 1):
        done = subprocess.run(
            command, env=os.environ | {"MUTANT": f"fd_channel:0:{value}"}, capture_output=True, check=False
        )
        assert done.returncode == status
