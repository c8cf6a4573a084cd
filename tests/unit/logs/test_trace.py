"""Which events a -T turns on, and where they go."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.device.identity import DeviceId
from prhelper.logs import trace
from prhelper.logs.handler import set_up_traces
from prhelper.logs.trace import TraceError, enable


@pytest.fixture(autouse=True)
def all_off() -> Iterator[None]:
    yield
    for event in trace.EVENTS:
        event.enabled = False


def enabled() -> set[str]:
    return {event.name for event in trace.EVENTS if event.enabled}


@pytest.mark.parametrize("option", ["prh_sg_io*", "enable=prh_sg_io*", "*,-prh_[!s]*"])
def test_patterns_turn_events_on_and_off(option: str) -> None:
    assert enable([option]) == (None, [])
    assert enabled() == {"prh_sg_io", "prh_sg_io_error"}


def test_file_of_patterns_is_read_without_its_comments(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("# which\nprh_sg_io\n\n  nonsense\n")
    assert enable([f"events={tmp_path}/events"]).unknown == ["nonsense"]
    assert enabled() == {"prh_sg_io"}


@pytest.mark.parametrize("option", ["events=/no/such/file", "file=/no/such/directory/file", "colour=red"])
def test_option_that_cannot_be_used_is_an_error_that_names_it(option: str) -> None:
    with pytest.raises(TraceError, match=option.split("=")[0]):
        enable([option])


def test_events_go_to_the_file_that_was_named(tmp_path: Path) -> None:
    logger = logging.getLogger("prhelper.logs.trace")
    before = logger.handlers[:], logger.level, logger.propagate
    output, _ = enable(["prh_client_connect,prh_sg_io_error", f"file={tmp_path}/trace"])
    handler = set_up_traces(output)
    assert handler is not None
    assert output is not None
    trace.client_connect(7, "pid 1")
    trace.sg_io_error(DeviceId(stat.S_IFREG, 0), "no ioctl", 0.5)
    trace.client_end(7, "not enabled")
    logger.handlers[:], logger.level, logger.propagate = before
    handler.stop(20.0)
    os.close(output)
    assert [line.partition(" prhelper: ")[2] for line in (tmp_path / "trace").read_text().splitlines()] == [
        "prh_client_connect client 7 pid 1",
        "prh_sg_io_error no device but a regular file no ioctl in 0.500000 s",
    ]
