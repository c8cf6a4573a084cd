"""The examples in the channel layer's README do what the text says, and are as short as they should be."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper import channel
from prhelper.channel import Channel, ClosedResourceError, Direction

from .contexts import Context
from .watching import Waits

README = Path(channel.__file__).with_name("README.md")


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_first_example_runs() -> None:
    command = [sys.executable, "-W", "error", "-c", examples()[0]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout == "b'asyncio' b'trio' b'none'\n"


def test_the_first_example_has_twenty_lines_at_most() -> None:
    assert len([line for line in examples()[0].splitlines() if line]) <= 20


def test_every_name_of_the_readme_is_exported() -> None:
    text = README.read_text()
    named = set(re.findall(r"`(\w+(?:Channel|Listener|Loop|Stream))\b", text))
    named |= set(re.findall(r"`((?:x509|psk)_\w+)`", text))
    named |= {name for names in re.findall(r"from prhelper\.channel import (.*)", text) for name in names.split(", ")}
    assert len(named) > 16
    assert named <= set(channel.__all__)


@pytest.fixture
def of_our_own() -> Iterator[Channel]:
    """A channel of the second example's kind."""
    names: dict[str, type[Channel]] = {}
    exec(examples()[1], names)
    with names["MemoryChannel"]() as made:
        yield made


def test_a_kind_of_your_own_carries_bytes_between_any_two_contexts(
    of_our_own: Channel, context: Context, other: Context, waits: Waits
) -> None:
    reading = context.start(lambda: of_our_own.read_exactly(9))
    waits.next()
    other.run(lambda: of_our_own.write_all([b"some", memoryview(b"thing")]))
    assert reading.result() == b"something"


def test_a_kind_of_your_own_can_be_quiesced_and_closed(of_our_own: Channel, context: Context, waits: Waits) -> None:
    waiting = context.start(of_our_own.next_message)
    waits.next()
    of_our_own.quiesce()
    assert waiting.result() is False
    of_our_own.resume()
    reading = context.start(lambda: of_our_own.wait(Direction.READ))
    waits.next()
    of_our_own.close()
    assert isinstance(reading.fault(), ClosedResourceError)
