"""Emulated units through a restart: nothing of them changes, whatever would survive a power loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...support.nexus import Holder, Nexus, over
from ...support.spc import GOOD, Out
from .conftest import Bench


@pytest.mark.parametrize("rule", ["process", "connection"])
def test_registrations_reservation_and_generation_go_on(bench: Bench, tmp_path: Path, rule: str) -> None:
    options = (
        "--emulate=all", f"--emulate-nexus={rule}", "--state-directory", str(tmp_path / "state")
    )  # fmt: skip
    (tmp_path / "state").mkdir()
    (tmp_path / "disk").write_bytes(bytes(4096))
    bench.unit.start(*options)
    with (tmp_path / "disk").open("r+b") as disk:
        node = Nexus(over(bench.connect(), disk.fileno()))
        for _ in range(2):
            assert node.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD
        assert node.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        before = node.read(0).payload
        for _ in range(2):
            bench.unit.restart(*options)
            assert node.read(0).payload == before  # PRGENERATION and keys
            assert node.reservation() == Holder(0xA, 5)
        assert node.write(Out.RELEASE, key=0xA, kind=5).status == GOOD  # it is still the same initiator
    assert "lost" not in bench.unit.output()
