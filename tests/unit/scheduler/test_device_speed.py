"""Which devices count as fast, by how long their last commands took."""

import pytest

from prhelper.scheduler import device_speed
from prhelper.scheduler.device_speed import FAST, DeviceSpeeds

DISK = "8:0"
SLOW = FAST * 1.01


@pytest.fixture
def speeds() -> DeviceSpeeds:
    return DeviceSpeeds()


def test_a_device_not_known_yet_is_not_fast(speeds: DeviceSpeeds) -> None:
    assert not speeds.is_fast(DISK)
    speeds.learn(DISK, SLOW)
    assert not speeds.is_fast(DISK)


def test_one_fast_command_makes_it_fast_until_eight_slow_ones_in_a_row(speeds: DeviceSpeeds) -> None:
    speeds.learn(DISK, FAST)
    for _ in range(7):
        speeds.learn(DISK, SLOW)
        assert speeds.is_fast(DISK)
    speeds.learn(DISK, SLOW)
    assert not speeds.is_fast(DISK)
    speeds.learn(DISK, SLOW)
    speeds.learn(DISK, FAST)
    assert speeds.is_fast(DISK)


def test_a_stall_makes_it_slow_at_once_and_no_other_device(speeds: DeviceSpeeds) -> None:
    speeds.learn(DISK, 0.0)
    speeds.learn("8:16", 0.0)
    speeds.stalled(DISK)
    assert not speeds.is_fast(DISK)
    assert speeds.is_fast("8:16")


def test_nothing_is_learnt_of_what_is_no_device(speeds: DeviceSpeeds) -> None:
    speeds.learn(None, 0.0)
    assert not speeds.is_fast(None)


def test_memory_is_bounded(speeds: DeviceSpeeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_speed, "_MAX_DEVICES", 3)
    for number in range(3):
        speeds.learn(number, 0.0)
    assert all(speeds.is_fast(number) for number in range(3))
    speeds.learn(3, 0.0)
    assert not any(speeds.is_fast(number) for number in range(4))
