"""The log that is sent with a report has no key in it."""

from prhelper.ctl.check.recent import without_keys


def test_every_key_is_blotted_out_and_nothing_else() -> None:
    line = "device 8:0 (sda): PERSISTENT RESERVE OUT PREEMPT, LU, key 0xabc, service action key 0x1f: GOOD, status 0x18"
    assert without_keys(line) == (
        "device 8:0 (sda): PERSISTENT RESERVE OUT PREEMPT, LU, key (blotted out), service action key (blotted out): "
        "GOOD, status 0x18"
    )
