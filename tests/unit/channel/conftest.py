"""What every channel test gets: a pair, the contexts, the waits to see, and a check that nothing is left behind."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from prhelper.channel import HomeLoop, SocketChannel, UnixListener, run

from .contexts import CONTEXTS, LOOPS, PATIENCE, Context
from .kinds import KINDS, Kind, Pair, unix_pair
from .watching import Waits

Home = tuple[HomeLoop, BlockingPortal]
"""A home loop, and a portal to the thread that it runs in."""

Axis = Kind | Context


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow, being many, the tests that vary more than one of kind, context, second context and home loop.

    So `make test-unit` tests each kind in one pair of contexts, and each context with one kind.
    """
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and departures(item.callspec.params) > 1:
            item.add_marker("slow")


def departures(params: Mapping[str, object]) -> int:
    """How many parameters are not the first of their kind; for a second context that is the one after the context."""
    context = params.get("context")
    second = CONTEXTS[(CONTEXTS.index(context) + 1) % len(CONTEXTS)] if isinstance(context, Context) else CONTEXTS[0]
    usual = {"each_pair": KINDS[0], "kind": KINDS[0], "context": CONTEXTS[0], "other": second, "home": LOOPS[0]}
    return sum(params[name] is not value for name, value in usual.items() if isinstance(params.get(name), Axis))


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    descriptors, threads = open_descriptors(), set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        if not thread.name.startswith("Trio thread"):  # trio keeps idle workers for its next call
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread} still runs"
    assert open_descriptors() == descriptors


def open_descriptors() -> dict[int, str]:
    """What is open: each number with what it refers to."""
    numbers = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 (twice for each of thousands of tests)
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            numbers[int(number)] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    return numbers


@pytest.fixture(params=CONTEXTS, ids=repr)
def context(request: pytest.FixtureRequest) -> Context:
    result: Context = request.param
    return result


@pytest.fixture(params=CONTEXTS, ids=repr)
def other(request: pytest.FixtureRequest) -> Context:
    """A second context, for tests over every pair of them."""
    result: Context = request.param
    return result


@pytest.fixture(params=LOOPS, ids=repr)
def loop(request: pytest.FixtureRequest) -> Context:
    """A context with an event loop."""
    result: Context = request.param
    return result


@pytest.fixture(params=LOOPS, ids=lambda loop: f"home {loop}")
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    with start_blocking_portal(request.param.name) as portal, portal.wrap_async_context_manager(HomeLoop()) as entered:
        yield entered, portal


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    seen = Waits()
    seen.install(monkeypatch.setattr)
    return seen


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connected Unix socket channels with small buffers."""
    made = unix_pair()
    yield made
    made.close()


@pytest.fixture
def inner() -> Iterator[Pair]:
    """The same, for TLS to be laid over."""
    made = unix_pair()
    yield made
    made.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def each_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A pair of each kind in turn."""
    kind: Kind = request.param
    made = kind.make()
    yield made
    made.close()


@pytest.fixture
def wire() -> Iterator[tuple[SocketChannel, socket.socket]]:
    """A Unix socket channel, and the plain socket at its other end."""
    near, far = socket.socketpair()
    with SocketChannel(near) as channel, far:
        yield channel, far


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def listener(path: Path) -> Iterator[UnixListener]:
    with run(UnixListener.bind(path)) as made:
        yield made
