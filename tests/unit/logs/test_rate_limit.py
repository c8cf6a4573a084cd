"""Lines that repeat are counted, not written."""

from prhelper.logs.rate_limit import WINDOW, Repeats
from prhelper.logs.record import LazyMessage


def test_kind_is_written_up_to_its_limit_and_then_summed_up() -> None:
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


def test_each_kind_has_its_own_limit() -> None:
    repeats = Repeats()
    assert all(repeats.admit(kind, 1, "line", 0.0) for kind in range(10))


def test_kind_that_was_written_whole_is_not_summed_up() -> None:
    repeats = Repeats()
    repeats.admit("kind", 1, "line", 0.0)
    assert repeats.sum_up(WINDOW) == []


def test_a_sum_words_one_lazy_message_of_all_that_were_withheld() -> None:
    worded = []

    class Lazy(LazyMessage):
        def words(self) -> tuple[str, dict[str, str]]:
            worded.append(self)
            return "worded", {}

    repeats = Repeats()
    for _ in range(5):
        repeats.admit("kind", 1, Lazy(), 0.0)
    assert not worded
    assert repeats.sum_up(WINDOW) == ["4 more like this: worded"]
    assert len(worded) == 1


def test_faulty_lazy_message_is_summed_up_without_its_words() -> None:
    class Wrong(LazyMessage):
        def words(self) -> tuple[str, dict[str, str]]:
            raise LookupError

    repeats = Repeats()
    for kind, message in (("wrong", Wrong()), ("right", "line")):
        for _ in range(3):
            repeats.admit(kind, 1, message, 0.0)
    assert repeats.sum_up(WINDOW) == ["2 more like this: line", "2 more of various kinds"]


def test_open_windows_are_summed_up_at_the_end() -> None:
    repeats = Repeats()
    for _ in range(3):
        repeats.admit("kind", 1, "line", 0.0)
    assert repeats.sum_up(1.0) == []
    assert repeats.sum_up(1.0, everything=True) == ["2 more like this: line"]


def test_memory_is_bounded_and_yet_no_kind_is_silenced() -> None:
    repeats = Repeats()
    repeats.admit("first", 1, "line", 0.0)
    repeats.admit("first", 1, "line", 0.0)
    assert all(repeats.admit(number, 1, "line", 0.0) for number in range(10_000))
    assert len(repeats._open) < 10_000
    assert repeats.next_due() == 0.0
    assert repeats.sum_up(0.0) == ["1 more like this: line"]


def test_window_ends_on_time_though_sum_up_is_late() -> None:
    repeats = Repeats()
    assert [repeats.admit("kind", 1, "line", now) for now in (0.0, WINDOW - 1, WINDOW)] == [True, False, True]
    assert repeats.sum_up(WINDOW) == ["1 more like this: line"]


def test_memory_is_bounded_though_sum_up_is_late() -> None:
    repeats = Repeats()
    for number in range(20_000):
        for _ in range(3):
            repeats.admit(number, 1, f"line {number}", 0.0)
    assert len(repeats._open) + len(repeats._closed) < 10_000
    lines = repeats.sum_up(0.0, everything=True)
    assert lines[-1].endswith("more of various kinds")
    assert sum(int(line.split()[0]) for line in lines) == 40_000
