"""The command lines of the pages in docs/, given to QEMU with a file in the place of the SCSI disk."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from ...support.helper import Helper
from ...support.programs import require_program

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
OF_DEBIAN = REPOSITORY / "packaging/debian/README.Debian"
ASK = '{"execute": "qmp_capabilities"} {"execute": "query-pr-managers"} {"execute": "quit"}\n'


def of_qemu(page: Path) -> list[str]:
    (command,) = re.findall(r"^ *qemu-system-x86_64 \.\.\. ((?:.*\\\n)*.*)$", page.read_text(), re.MULTILINE)
    return shlex.split(command.replace("\\\n", " "))


def of_proxmox() -> list[str]:
    (command,) = re.findall(r"^qm set .*$", (DOCS / "proxmox.md").read_text(), re.MULTILINE)
    return shlex.split(shlex.split(command)[-1])


@pytest.mark.parametrize(
    "options",
    [of_qemu(DOCS / "qemu.md"), of_qemu(OF_DEBIAN), of_proxmox()],
    ids=["qemu.md", "README.Debian", "proxmox.md"],
)
def test_qemu_understands_the_page_and_connects(options: list[str], tmp_path: Path) -> None:
    program = require_program("qemu-system-x86_64", "qemu-system-x86")
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    with Helper(tmp_path) as helper:
        here = [
            re.sub(r"(?<=filename=)/dev/[^,]*", str(disk), re.sub(r"(?<=,path=)/run/[^,]*", str(helper.socket), option))
            .replace("host_device", "file")
            .replace("scsi-block", "scsi-hd")
            .replace(",cache.direct=on", "")
            for option in options
        ]
        assert sum(option != ours for option, ours in zip(options, here, strict=True)) == 3
        command = [program, "-nodefaults", "-display", "none", "-S", "-accel", "tcg", *here, "-qmp", "stdio"]
        done = subprocess.run(command, input=ASK, capture_output=True, text=True, timeout=50)
    assert done.stderr == ""
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"return": [{"connected": True, "id": "pr0"}]} in replies
