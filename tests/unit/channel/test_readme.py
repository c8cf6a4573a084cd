"""The example in the channel layer's README does what the text says, and is as short as it promises to be."""

import re
import subprocess
import sys
from pathlib import Path

from prhelper import channel

README = Path(channel.__file__).with_name("README.md")


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


def test_the_example_runs() -> None:
    command = [sys.executable, "-W", "error", "-c", example()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout == "b'asyncio' b'trio' b'none'\n"


def test_the_example_has_twenty_lines_at_most() -> None:
    assert len([line for line in example().splitlines() if line]) <= 20


def test_every_name_of_the_readme_is_exported() -> None:
    named = set(re.findall(r"`(\w+(?:Channel|Listener|Loop))\b", README.read_text()))
    assert len(named) > 8
    assert named <= set(channel.__all__)
