"""Lines that repeat are counted, not written."""

from prhelper.host.repeats import WINDOW, Repeats


def test_a_kind_is_written_so_often_and_then_summed_up() -> None:
    repeats = Repeats()
    assert [repeats.admit("kind", 2, f"line {number}", 100.0) for number in range(5)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert repeats.next_due() == 100.0 + WINDOW
    assert repeats.sum_up(100.0 + WINDOW) == ["3 more like this: line 4"]
    assert repeats.next_due() is None
    assert repeats.admit("kind", 2, "line", 200.0)


def test_kinds_do_not_count_against_one_another() -> None:
    repeats = Repeats()
    assert all(repeats.admit(kind, 1, "line", 0.0) for kind in range(10))


def test_nothing_is_summed_up_that_was_written_whole() -> None:
    repeats = Repeats()
    repeats.admit("kind", 1, "line", 0.0)
    assert repeats.sum_up(WINDOW) == []


def test_open_windows_are_summed_up_at_the_end() -> None:
    repeats = Repeats()
    for _ in range(3):
        repeats.admit("kind", 1, "line", 0.0)
    assert repeats.sum_up(1.0) == []
    assert repeats.sum_up(1.0, everything=True) == ["2 more like this: line"]


def test_memory_is_bounded_and_yet_nobody_is_silenced() -> None:
    repeats = Repeats()
    repeats.admit("first", 1, "line", 0.0)
    repeats.admit("first", 1, "line", 0.0)
    assert all(repeats.admit(number, 1, "line", 0.0) for number in range(10_000))
    assert len(repeats._kinds) < 10_000
    assert repeats.next_due() == 0.0
    assert repeats.sum_up(0.0) == ["1 more like this: line"]
