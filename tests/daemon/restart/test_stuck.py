"""A process that the kernel keeps from ending: the service manager sees an end all the same."""

from __future__ import annotations

from ...support.spc import reserve_in
from .conftest import Bench


def main_pids(bench: Bench) -> list[str]:
    return [message for message in bench.unit.manager.messages if message.startswith("MAINPID=")]


def test_where_a_command_is_stuck_another_process_ends_in_its_place(bench: Bench) -> None:
    bench.unit.start("--stop-timeout", "0.3")
    bench.device.hold()
    bench.connect().send(reserve_in(0), [bench.hanging])
    bench.wait_for_hanging(1)
    bench.unit.stop()
    (told,) = main_pids(bench)
    assert int(told.partition("=")[2]) != bench.unit.process.pid
    bench.unit.start()
    bench.check_served(bench.connect())


def test_where_nothing_is_stuck_the_main_process_stays_what_it_is(bench: Bench) -> None:
    bench.unit.start()
    bench.check_served(bench.connect())
    bench.unit.stop()
    assert main_pids(bench) == []
