"""QEMU as a client of the helper, without a guest: its pr-manager-helper object, asked over QMP."""

import json
import subprocess
from pathlib import Path
from typing import Any


def query_pr_managers(socket: Path, qemu: str = "qemu-system-x86_64") -> list[dict[str, Any]]:
    """Start QEMU with a pr-manager-helper on `socket`: what its query-pr-managers says, once it has connected."""
    commands = ["qmp_capabilities", "query-pr-managers", "quit"]
    done = subprocess.run(
        [
            *(qemu, "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio"),
            *("-object", f"pr-manager-helper,id=pr0,path={socket}"),
        ],
        input="".join(json.dumps({"execute": command, "id": command}) + "\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    answers = {answer.get("id"): answer for answer in map(json.loads, done.stdout.splitlines())}
    managers: list[dict[str, Any]] = answers["query-pr-managers"]["return"]
    return managers
