"""Changing one condition of one module of the channel layer, as the module is imported.

A pytest plugin: with MUTANT=module:number:value in the environment, condition `number` of `prhelper.channel.module` is
evaluated as ever, and then taken for `value`. The files stay as they are, so mutants can be tested side by side.
"""

import ast
import importlib.abc
import importlib.machinery
import os
import resource
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGE = "prhelper.channel"
LOOP_QUESTIONS = ("loop_runs_here()", "_in_trio()", "_in_asyncio()", "_stepping.depth")
"""Besides comparisons by identity: what asks in which loop, or whose hands, a coroutine is."""


class Mutant(NamedTuple):
    """Condition `number` of a module, in the order of the syntax tree, taken for `value`."""

    module: str
    number: int
    value: bool

    @classmethod
    def parse(cls, text: str) -> "Mutant":
        module, number, value = text.split(":")
        return cls(module, int(number), value == "True")

    def __str__(self) -> str:
        return f"{self.module}:{self.number}:{self.value}"


def conditions(tree: ast.Module) -> list[ast.expr]:
    """Every comparison by identity, and every question about loops, that decides something."""
    asked = [node.test for node in ast.walk(tree) if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert)]
    asked += [value for node in ast.walk(tree) if isinstance(node, ast.BoolOp) for value in node.values]
    return [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot))
        or (isinstance(node, ast.expr) and node in asked and ast.unparse(node) in LOOP_QUESTIONS)
    ]


def mutate(tree: ast.Module, mutant: Mutant) -> ast.Module:
    """The tree with the mutant's condition replaced."""
    _Replace(conditions(tree)[mutant.number], mutant.value).visit(tree)
    return ast.fix_missing_locations(tree)


class _Replace(ast.NodeTransformer):
    def __init__(self, condition: ast.expr, value: bool) -> None:
        self._condition = condition
        self._value = value

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self._condition:
            return super().generic_visit(node)
        # Evaluated still, because it may be what gives a variable its value.
        both = ast.Tuple([self._condition, ast.Constant(self._value)], ast.Load())
        return ast.copy_location(ast.Subscript(both, ast.Constant(1), ast.Load()), node)


class _Loader(importlib.machinery.SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return compile(mutate(ast.parse(Path(path).read_bytes()), self.mutant), path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != f"{PACKAGE}.{self._mutant.module}":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin)
        spec.loader.mutant = self._mutant
        return spec


if "MUTANT" in os.environ:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))  # a loop that never ends may collect something
    assert PACKAGE not in sys.modules, "too late: the module to be changed is imported already"
    sys.meta_path.insert(0, _Finder(Mutant.parse(os.environ["MUTANT"])))
