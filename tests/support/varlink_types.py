"""Whether a JSON value is of a type in Varlink's notation: read apart from prhelper, from a page or a description."""

import re
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r"\s+|#[^\n]*|(?P<word>[A-Za-z][A-Za-z0-9_.]*)|(?P<sign>->|\[string\]|\[\]|[?(),:])")
_SIMPLE: dict[str, type | tuple[type, ...]] = {"bool": bool, "int": int, "float": (int, float), "string": str}

Type = Any
"""A name, a dictionary of fields, a set of values; or a pair of a prefix (?, [], [string]) and a type."""


class Types:
    """The types that a text defines."""

    def __init__(self, text: str) -> None:
        found = [match for match in _TOKEN.finditer(text) if match["word"] or match["sign"]]
        self._tokens = [match["word"] or match["sign"] for match in found]
        self._named: dict[str, Type] = {}
        while self._tokens:
            word = self._tokens.pop(0)
            if word == "type":
                name = self._tokens.pop(0)
                self._named[name] = self._type()
            elif word == "method":  # its results, by its name
                name = self._tokens.pop(0)
                self._type()
                assert self._tokens.pop(0) == "->"
                self._named[name] = self._type()

    @classmethod
    def of_page(cls, page: Path) -> "Types":
        """Those in a page's blocks of code that are marked as varlink."""
        return cls("\n".join(re.findall(r"```varlink\n(.*?)```", page.read_text(), re.DOTALL)))

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def check(self, value: Any, kind: Type, where: str = "") -> None:
        """Fail unless the value is of this type, with no field that the type has not."""
        where = where or str(kind)
        if isinstance(kind, tuple):
            prefix, inner = kind
            if prefix == "?":
                if value is not None:
                    self.check(value, inner, where)
            elif prefix == "[]":
                assert isinstance(value, list), f"{where}: {value!r}"
                for number, each in enumerate(value):
                    self.check(each, inner, f"{where}[{number}]")
            else:
                assert isinstance(value, dict), f"{where}: {value!r}"
                for key, each in value.items():
                    self.check(each, inner, f"{where}[{key}]")
        elif isinstance(kind, set):
            assert value in kind, f"{where}: {value!r} is none of {kind}"
        elif isinstance(kind, dict):
            self._check_fields(value, kind, where)
        elif kind in _SIMPLE:
            assert isinstance(value, _SIMPLE[kind]), f"{where}: {value!r} is no {kind}"
            assert kind == "bool" or not isinstance(value, bool), f"{where}: {value!r} is no {kind}"
        else:
            self.check(value, self._named[kind], where)

    def _check_fields(self, value: Any, fields: dict[str, Type], where: str) -> None:
        assert isinstance(value, dict), f"{where}: {value!r}"
        assert value.keys() <= fields.keys(), f"{where}: {value.keys() - fields.keys()}"
        for name, kind in fields.items():
            may_be_missing = isinstance(kind, tuple) and kind[0] == "?"
            assert name in value or may_be_missing, f"{where} has no {name}"
            self.check(value.get(name), kind, f"{where}.{name}")

    def _type(self) -> Type:
        token = self._tokens.pop(0)
        if token in ("?", "[]", "[string]"):
            return token, self._type()
        if token != "(":
            return token
        fields: dict[str, Type] = {}
        values: set[str] = set()
        while (token := self._tokens.pop(0)) != ")":
            if token == ",":
                continue
            if self._tokens[0] == ":":
                self._tokens.pop(0)
                fields[token] = self._type()
            else:
                values.add(token)
        return values or fields
