"""What a record carries as `extra`."""

from prhelper.logs.record import Limit, at_most, unlimited


def test_extra_says_what_the_log_asks_for() -> None:
    assert at_most(3, "kind") == {"limit": Limit("kind", 3)}
    assert at_most(3, "kind", "one") == {"limit": Limit("kind", 3), "account": "one"}
    assert unlimited("one") == {"account": "one"}
