"""The DaemonSet that the project ships."""

from pathlib import Path
from typing import Any

from .programs import require_module

FILE = Path(__file__).parents[2] / "packaging" / "kubernetes" / "prhelper.yaml"


def daemon_set() -> dict[str, Any]:
    require_module("yaml", "make venv")
    import yaml

    parsed: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return parsed
