"""The interface's description, as another implementation of Varlink reads it."""

from pathlib import Path
from typing import Any

import pytest

from ...support.programs import require_module

DESCRIPTION = Path(__file__).parents[3] / "prhelper/control/io.prhelper.Control.varlink"


@pytest.fixture(name="interface")
def _interface() -> Any:
    require_module("varlink", "pip install varlink")
    import varlink

    return varlink.Interface(DESCRIPTION.read_text())


def test_the_description_is_read_by_another_implementation(interface: Any) -> None:
    assert interface.name == DESCRIPTION.stem
    methods = {name for name in interface.members if name.startswith(("Get", "Set", "Watch"))}
    assert methods == {
        "GetClients",
        "GetDevices",
        "GetStatus",
        "SetLogLevel",
        "SetTraceEvents",
        "WatchReservations",
    }
