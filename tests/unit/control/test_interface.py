"""The interface's description, as another implementation of Varlink reads it."""

from typing import Any

from prhelper.control.methods import CONTROL, Methods
from prhelper.control.server import WATCH

from .running import Controlled


def test_the_methods_described_are_those_that_there_are(interface: Any, controlled: Controlled) -> None:
    from varlink import scanner

    assert interface.name == CONTROL
    described = {f"{CONTROL}.{name}" for name, one in interface.members.items() if isinstance(one, scanner._Method)}
    methods: Methods = controlled.control._methods
    assert described == {name for name in methods._methods if name.startswith(CONTROL)} | {WATCH}
