"""What a machine that cannot be had costs: one try, whatever the cause."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from . import kernel, qemu, root
from .fleet import Fleet

CAUSES = {
    "missing": (kernel.MissingError("there is no apt-get here"), {"missing": "there is no apt-get here"}),
    "cannot be unpacked": (
        subprocess.CalledProcessError(1, ["dpkg"]),
        {"over": "no machine can be had: CalledProcessError(1, ['dpkg'])"},
    ),
    "disk full": (OSError("no space left"), {"over": "no machine can be had: OSError('no space left')"}),
}


def told(tests: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The events of a fleet that boots nothing."""
    events: list[dict[str, Any]] = []
    fleet = Fleet(tests, lambda **event: events.append(event))
    fleet.start()
    fleet.stop()
    return events


@pytest.mark.parametrize(("cause", "event"), CAUSES.values(), ids=CAUSES)
def test_a_kernel_that_cannot_be_had_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, cause: Exception, event: dict[str, str]
) -> None:
    tries = []

    def fail() -> kernel.Kernel:
        tries.append(cause)
        raise cause

    monkeypatch.setattr(kernel, "obtain", fail)
    assert told({"scsi": ["a", "b"], "systemd": ["c"]}) == [{"suite": "systemd", **event}, {"suite": "scsi", **event}]
    assert tries == [cause]


def test_a_root_of_packages_that_cannot_be_had_costs_only_the_suite_that_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_kernel() -> kernel.Kernel:
        raise CAUSES["disk full"][0]

    def fail_root() -> kernel.Kernel:
        raise CAUSES["missing"][0]

    monkeypatch.setattr(kernel, "obtain", fail_kernel)
    monkeypatch.setattr(root, "obtain", fail_root)
    assert told({"scsi": ["a"], "multipath": ["b"]}) == [
        {"suite": "multipath", **CAUSES["missing"][1]},
        {"suite": "scsi", **CAUSES["disk full"][1]},
    ]


def test_a_suite_of_packages_with_an_older_qemu_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRHELPER_SUITE", "trixie")
    monkeypatch.setattr(root, "obtain", lambda: pytest.fail("nothing is to be fetched"))
    monkeypatch.setattr(qemu, "obtain", lambda _suite: pytest.fail("nothing is to be fetched"))
    (event,) = told({"migration": ["a"]})
    assert "needs QEMU 11" in event["unfit"]
