"""Changing one condition of one module, as the module is imported.

A pytest plugin: with MUTANT=module:number:change in the environment, condition `number` of `prhelper.module` is
evaluated as ever, and then taken for True or False; or, for the change "edge", it compares with < instead of <=, or the
other way round. The files stay as they are, so mutants can be tested side by side.
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

PACKAGE = "prhelper"
LOOP_QUESTIONS = ("loop_runs_here()", "_in_trio()", "_in_asyncio()", "_stepping.depth")
"""Besides comparisons by identity: what asks in which loop, or whose hands, a coroutine is."""

EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


class Mutant(NamedTuple):
    """Condition `number` of a module, in the order of the syntax tree, changed.

    module: its name within the package.
    change: "True", "False" or "edge".
    every: whether `number` counts all conditions, or those of `conditions(..., every=False)`.
    """

    module: str
    number: int
    change: str
    every: bool

    @classmethod
    def parse(cls, text: str) -> "Mutant":
        module, number, change, every = text.split(":")
        return cls(module, int(number), change, every == "True")

    def __str__(self) -> str:
        return f"{self.module}:{self.number}:{self.change}:{self.every}"


def conditions(tree: ast.Module, every: bool) -> list[ast.expr]:
    """The conditions that can be changed, none a part of which is a condition itself.

    All that decide something and all comparisons; or, unless `every`, comparisons by identity and the questions about
    loops.
    """
    nodes = list(ast.walk(tree))
    decides = {id(part) for node in nodes for test in _tests(node) for part in _parts(test)}
    if every:
        return [
            node for node in nodes if isinstance(node, ast.expr) and (id(node) in decides or type(node) is ast.Compare)
        ]
    return [
        node
        for node in nodes
        if (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot))
        or (isinstance(node, ast.expr) and id(node) in decides and ast.unparse(node) in LOOP_QUESTIONS)
    ]


def changes(condition: ast.expr, every: bool) -> list[str]:
    """What can be made of a condition."""
    has_edge = every and isinstance(condition, ast.Compare) and type(condition.ops[0]) in EDGES
    return ["True", "False"] + ["edge"] * has_edge


def _tests(node: ast.AST) -> list[ast.expr]:
    """The expressions by whose truth a node decides."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        return [node.test]
    if isinstance(node, ast.comprehension):
        return node.ifs
    return node.values if isinstance(node, ast.BoolOp) else []


def _parts(test: ast.expr) -> list[ast.expr]:
    """The conditions that a test is made of by `and`, `or` and `not`."""
    if isinstance(test, ast.BoolOp):
        return [part for value in test.values for part in _parts(value)]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _parts(test.operand)
    return [] if isinstance(test, ast.Constant) or ast.unparse(test) == "TYPE_CHECKING" else [test]


def mutate(tree: ast.Module, mutant: Mutant) -> ast.Module:
    """The tree with the mutant's condition replaced."""
    _Replace(conditions(tree, mutant.every)[mutant.number], mutant.change).visit(tree)
    return ast.fix_missing_locations(tree)


class _Replace(ast.NodeTransformer):
    def __init__(self, condition: ast.expr, change: str) -> None:
        self._condition = condition
        self._change = change

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self._condition:
            return super().generic_visit(node)
        if self._change == "edge":
            assert isinstance(node, ast.Compare)
            node.ops[0] = EDGES[type(node.ops[0])]()
            return node
        # Evaluated still, because it may be what gives a variable its value.
        both = ast.Tuple([self._condition, ast.Constant(self._change == "True")], ast.Load())
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
    assert PACKAGE not in sys.modules, "too late: the module to be changed may be imported already"
    sys.meta_path.insert(0, _Finder(Mutant.parse(os.environ["MUTANT"])))
