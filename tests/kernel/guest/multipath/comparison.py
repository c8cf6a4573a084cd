"""Every scenario through prhelper and through the suite's libmpathpersist, for the table in docs/multipath.md.

No part of the test suite, for it judges nothing: `python -m tools.multipath` names this file, and takes in what each
`test_` leaves in its property "observed".
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.spc import Out

from ..trace import Trace
from . import scenarios, trouble
from .cluster import K2, Cluster, K
from .observing import Observer, as_returned, in_spc
from .scenarios import we_hold
from .steps import Command, Step, play
from .take_overs import ER
from .without_us import LibraryHost, library_instead

pytestmark = pytest.mark.timeout(300)

ALL = scenarios.SCENARIOS | trouble.SCENARIOS

Record = Callable[[str, object], None]


def report(steps: list[Step], cluster: Cluster, side: str, name: str, record_property: Record) -> None:
    """Play a scenario, and report every step of it."""
    seen = Observer(cluster, as_returned if side == "library" else in_spc).observe(steps)
    record_property("observed", {"side": side, "scenario": name, "steps": [dataclasses.asdict(one) for one in seen]})


WINDOWS = {
    "register on both paths": Command(Out.REGISTER, new=K),
    "change the key while holding": Command(Out.REGISTER, key=K, new=K2),
    "preempt ourselves as another type while we hold": Command(Out.PREEMPT, key=K, new=K, kind=ER),
    "unregister while holding": Command(Out.REGISTER, key=K),
}
"""Commands that take several on the paths, the first with nobody registered."""

ROUNDS = 20


@pytest.mark.parametrize("name", WINDOWS)
def test_window(name: str, shared_cluster: Cluster, record_property: Record) -> None:
    """Milliseconds from the first PERSISTENT RESERVE OUT on a path to the end of the last, as the kernel traces it."""
    command, took = WINDOWS[name], []
    for _ in range(ROUNDS):
        shared_cluster.start_afresh()
        play(we_hold() if command.key else [], shared_cluster)
        with Trace() as trace:
            shared_cluster.us.write(command.action, command.key, command.new, command.kind)
            at = [event.at for event in trace.events() if event.command == "PERSISTENT_RESERVE_OUT"]
        took.append((max(at) - min(at)) * 1000)
    record_property("window", {"name": name, "milliseconds": sorted(took)})


@pytest.mark.usefixtures("multipathd")
def test_versions(record_property: Record) -> None:
    told = subprocess.run(["multipath", "-h"], capture_output=True, text=True)
    (version,) = re.findall(r"multipath-tools v([0-9.]+)", told.stdout + told.stderr)
    record_property("versions", {"multipath-tools": version, "kernel": os.uname().release})


@pytest.mark.parametrize("name", ALL)
def test_prhelper(name: str, cluster: Cluster, record_property: Record) -> None:
    report(ALL[name], cluster, "prhelper", name, record_property)


@pytest.fixture(scope="module")
def library_host(shared_cluster: Cluster, multipath_map: Path) -> Iterator[LibraryHost]:
    """From the first test on that uses it until the last of this file."""
    with library_instead(shared_cluster, multipath_map) as host:
        yield host


@pytest.mark.parametrize("name", ALL)
def test_library(name: str, library_host: LibraryHost, record_property: Record) -> None:
    library_host.start_afresh()
    report(ALL[name], library_host.cluster, "library", name, record_property)
