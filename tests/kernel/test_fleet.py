"""What a machine that cannot be had costs: one try, whatever the cause."""

from __future__ import annotations

import subprocess

import pytest

from . import kernel, qemu, root
from .fleet import Fleet

CAUSES = {
    "missing": kernel.MissingError("there is no apt-get here"),
    "cannot be unpacked": subprocess.CalledProcessError(1, ["dpkg", "-x"]),
    "disk full": OSError("no space left"),
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_a_kernel_that_cannot_be_had_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, cause: Exception) -> None:
    tries = []

    def fail() -> kernel.Kernel:
        tries.append(cause)
        raise cause

    monkeypatch.setattr(kernel, "obtain", fail)
    fleet = Fleet({"scsi": ["a", "b"]})
    for test in ("a", "b"):
        with pytest.raises(type(cause)):
            fleet.report("scsi", test)
    fleet.stop()
    assert tries == [cause]


def test_a_root_of_packages_that_cannot_be_had_costs_only_the_suite_that_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_kernel() -> kernel.Kernel:
        raise CAUSES["disk full"]

    def fail_root() -> kernel.Kernel:
        raise CAUSES["missing"]

    monkeypatch.setattr(kernel, "obtain", fail_kernel)
    monkeypatch.setattr(root, "obtain", fail_root)
    fleet = Fleet({"scsi": ["a"], "multipath": ["b"]})
    with pytest.raises(kernel.MissingError):
        fleet.report("multipath", "b")
    with pytest.raises(OSError, match="no space"):
        fleet.report("scsi", "a")
    fleet.stop()


def test_a_suite_of_packages_with_an_older_qemu_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRHELPER_SUITE", "trixie")
    monkeypatch.setattr(root, "obtain", lambda: pytest.fail("nothing is to be fetched"))
    fleet = Fleet({"migration": ["a"]})
    with pytest.raises(qemu.UnfitError, match="needs QEMU 11"):
        fleet.report("migration", "a")
    fleet.stop()
