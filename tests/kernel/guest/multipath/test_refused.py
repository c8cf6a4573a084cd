"""A map by the real multipathd, with --multipath=off: the helper reads, and writes nothing."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.spc import CHECK_CONDITION, GOOD, INVALID_OPCODE, Out, sense_code

from .. import helper
from ..initiators import forget_everything, generic, straight, through_helper
from .cluster import OTHER, K

pytestmark = pytest.mark.timeout(180)


def test_a_command_that_reads_passes_and_one_that_writes_is_refused_with_the_reason(
    disks: list[Path], multipath_map: Path, tmp_path: Path
) -> None:
    others_node = generic(disks[2])
    forget_everything([others_node])
    with ExitStack() as stack:
        other = straight(others_node, stack)
        assert other.register(OTHER) == GOOD
        process = stack.enter_context(helper.running(tmp_path / "socket", "--multipath=off", stderr=subprocess.PIPE))
        nexus = through_helper(multipath_map, tmp_path / "socket", stack)
        assert nexus.keys() == [OTHER]
        answer = nexus.write(Out.REGISTER, new=K)
        assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, INVALID_OPCODE)
        assert other.keys() == [OTHER]
        process.terminate()
        assert process.stderr is not None
        assert "(mpatha): PERSISTENT RESERVE OUT REGISTER" in (log := process.stderr.read().decode())
        assert "it is a multipath map" in log
