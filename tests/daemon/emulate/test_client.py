"""The client library with the real helper: every operation in every runtime, and the page that shows it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper import client as library
from prhelper.client import (
    CheckCondition,
    Client,
    Reservation,
    ReservationConflict,
    ReservationType,
    Sense,
    UnitAttention,
    connect,
    parse_transport_id,
)

from ...support.helper import Helper, for_any_interpreter
from ...support.spc import INVALID_RELEASE
from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO, Context
from .conftest import Start

PAGE = Path(__file__).parents[3] / "docs" / "client.md"
WE_RO = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
EXCLUSIVE = ReservationType.EXCLUSIVE_ACCESS


@pytest.fixture(params=(ASYNCIO, TRIO, THREAD), ids=repr)
def runtime(request: pytest.FixtureRequest) -> Context:
    result: Context = request.param
    return result


@contextlib.contextmanager
def opened(disk: Path) -> Iterator[int]:
    fd = os.open(disk, os.O_RDWR)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture
def helper(start: Start) -> Helper:
    """A helper to which each connection is an initiator."""
    return start("--emulate-nexus=connection", emulate="--emulate=all")


def test_two_nodes_fence_each_other(helper: Helper, disk: Path, runtime: Context) -> None:
    async def body() -> None:
        with await connect(helper.socket) as one, await connect(helper.socket) as two, opened(disk) as fd:
            await one.register(fd, param_sark=0xA1)
            await two.register_and_ignore_existing_key(fd, param_sark=0xA2)
            await one.reserve(fd, param_rk=0xA1, prout_type=WE_RO)
            assert sorted((await two.read_keys(fd)).keys) == [0xA1, 0xA2]
            assert (await two.read_reservation(fd)).reservation == Reservation(0xA1, WE_RO)
            await two.preempt(fd, param_rk=0xA2, param_sark=0xA1, prout_type=WE_RO)
            with pytest.raises(UnitAttention, match="registrations preempted"):
                await one.reserve(fd, param_rk=0xA1, prout_type=WE_RO)
            with pytest.raises(ReservationConflict):
                await one.reserve(fd, param_rk=0xA1, prout_type=WE_RO)
            keys = await two.read_keys(fd)
            assert (keys.generation, keys.keys, keys.complete) == (3, (0xA2,), True)
            await one.register(fd, param_sark=0xA1)
            await one.preempt_and_abort(fd, param_rk=0xA1, param_sark=0xA2, prout_type=EXCLUSIVE)
            assert (await one.read_reservation(fd)).reservation == Reservation(0xA1, EXCLUSIVE)
            with pytest.raises(CheckCondition) as wrong:
                await one.release(fd, param_rk=0xA1, prout_type=WE_RO)
            assert wrong.value.sense == Sense(*INVALID_RELEASE)
            await one.release(fd, param_rk=0xA1, prout_type=EXCLUSIVE)
            await one.clear(fd, param_rk=0xA1)
            assert (await one.read_keys(fd)).keys == ()

    runtime.run(body)


def test_a_reservation_moves_to_another_port_and_full_status_names_both(
    helper: Helper, disk: Path, runtime: Context
) -> None:
    async def body() -> None:
        with await connect(helper.socket) as one, await connect(helper.socket) as two, opened(disk) as fd:
            await one.register(fd, param_sark=0xA1)
            await two.register(fd, param_sark=0xA2)
            ports = {each.key: each.transport_id for each in (await one.read_full_status(fd)).registrants}
            await one.reserve(fd, param_rk=0xA1, prout_type=EXCLUSIVE)
            other = parse_transport_id(str(ports[0xA2]))
            await one.register_and_move(
                fd, param_rk=0xA1, param_sark=0xB2, transport_id=other, relative_target_port=1, param_unreg=True
            )
            (left,) = (await two.read_full_status(fd)).registrants
            assert (left.key, left.r_holder, left.type, left.transport_id) == (0xB2, True, EXCLUSIVE, other)

    runtime.run(body)


def test_other_ports_are_registered_along_and_capabilities_say_that_this_works(
    helper: Helper, disk: Path, runtime: Context
) -> None:
    async def body() -> None:
        with await connect(helper.socket) as one, opened(disk) as fd:
            can = await one.report_capabilities(fd)
            assert can.sip_c
            assert can.types == frozenset(ReservationType)
            port = parse_transport_id("naa.5000c5001234abcd")
            await one.register(fd, param_sark=0xA1, transport_ids=[port], param_aptpl=True)
            assert (await one.report_capabilities(fd)).ptpl_a
            assert port in [each.transport_id for each in (await one.read_full_status(fd)).registrants]

    runtime.run(body)


def test_a_client_outlives_the_helper(start: Start, disk: Path, runtime: Context) -> None:
    async def body() -> None:
        first = start(emulate="--emulate=all")
        with Client(first.socket) as one, opened(disk) as fd:
            await one.register(fd, param_sark=0xA1, param_aptpl=True)
            first.stop()
            start(emulate="--emulate=all")
            await one.reserve(fd, param_rk=0xA1, prout_type=EXCLUSIVE)

    runtime.run(body)


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


WAYS = ("asyncio.run(take(*sys.argv[1:]))", "trio.run(take, *sys.argv[1:])", "run(take(*sys.argv[1:]))")


@pytest.mark.parametrize("way", WAYS)
def test_the_page_shows_what_runs(helper: Helper, disk: Path, way: str) -> None:
    (example,) = examples()
    assert len([line for line in example.splitlines() if line]) <= 20
    program = example.replace(WAYS[0], way)
    program = "import trio\nfrom prhelper.client import run\n" + program
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(helper.socket), str(disk)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **for_any_interpreter()},
    )
    assert done.stderr == ""
    assert re.fullmatch(r"0xa1 naa\.3[0-9a-f]{15} holds it\n", done.stdout)


def test_every_name_of_the_page_is_there() -> None:
    text = PAGE.read_text()
    methods = set(re.findall(r"`([a-z]+(?:_[a-z]+)+|clear|preempt|register|reserve|release|execute)`", text))
    parameters = {name for name in methods if name.startswith(("param_", "prout_", "transport_", "relative_"))}
    values = {"parse_transport_id"}
    assert len(methods - parameters) >= 13
    assert {name for name in methods - parameters - values if not hasattr(Client, name)} == set()
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", text)) - set(library.__all__) == {"ValueError"}
