"""The log that is sent with a report has no key in it."""

import pytest

from prhelper.ctl.check.recent import without_keys


def test_every_key_is_blotted_out_and_nothing_else() -> None:
    line = "device 8:0 (sda): PERSISTENT RESERVE OUT PREEMPT, LU, key 0xabc, service action key 0x1f: GOOD, status 0x18"
    assert without_keys(line) == (
        "device 8:0 (sda): PERSISTENT RESERVE OUT PREEMPT, LU, key (blotted out), service action key (blotted out): "
        "GOOD, status 0x18"
    )


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("cdb 5f 00 00, parameter list 00 00 0a bc 00 00", "cdb 5f 00 00, parameter list (blotted out)"),
        ("cdb 5e 00, parameter list -", "cdb 5e 00, parameter list -"),
        ("sense 70 00 05, data 00 00 00 01 00 00 0a bc", "sense 70 00 05, data (blotted out)"),
        ("GOOD, sense data 70 00 05", "GOOD, sense data 70 00 05"),
        (
            "prh_request_begin cdb 5f00 parameter list 00000abc",
            "prh_request_begin cdb 5f00 parameter list (blotted out)",
        ),
        ("prh_request_end status 0x0 sense - data 00000abc", "prh_request_end status 0x0 sense - data (blotted out)"),
        ("prh_multipathd getprkey map dm-0: 0xabc:aptpl", "prh_multipathd getprkey map dm-0: (blotted out):aptpl"),
        (
            "it makes no sense: ValueError('it has the keys (2748, -1)')",
            "it makes no sense: ValueError('it has the keys (blotted out)')",
        ),
        ("prh_multipathd setprkey map dm-0 key 0xabc: ok", "prh_multipathd setprkey map dm-0 key (blotted out): ok"),
    ],
)
def test_key_is_blotted_out_of_bytes_and_trace_events_as_well(line: str, left: str) -> None:
    assert without_keys(line) == left
