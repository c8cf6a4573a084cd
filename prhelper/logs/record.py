"""What a log record carries besides its text: limit and account, as `extra`; and messages that are worded later."""

from collections.abc import Mapping
from typing import NamedTuple


class Limit(NamedTuple):
    """At most `burst` lines of a `kind` per account and window (`rate_limit.WINDOW`); the rest is summed up.

    kind: one of a few literal names, never made of what a client sends.
    """

    kind: str
    burst: int


class LazyMessage:
    """A message, logged in place of a text, that the log's thread words when it writes: see `lazy.log_lazily`.

    Use it where wording takes time that the caller does not have. It must be immutable, and made of plain values: it
    may outlive the call by minutes, so it must not keep a descriptor open or a connection alive.
    """

    __slots__ = ()

    # Not an abstract class: a message that is a NamedTuple, as the fastest are, could not have its metaclass.

    def size(self) -> int:
        """Bytes, roughly, that the message keeps alive. Called by the thread that logs: it must be cheap."""
        raise NotImplementedError

    def words(self) -> tuple[str, Mapping[str, str]]:
        """The text, and the fields for sinks that keep them. Called by the log's thread; raising costs this record."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.words()[0]


def at_most(count: int, kind: str, account: str | None = None) -> dict[str, object]:
    """The `extra` of a record that is limited to `count` lines per window.

    account: as for `unlimited`; without one, the module that logs is the account.
    """
    limit = Limit(kind, count)
    return {"limit": limit} if account is None else {"limit": limit, "account": account}


def unlimited(account: str) -> dict[str, object]:
    """The `extra` of a record with no limit of its own.

    account: whose doing it is; accounts share the backlog fairly.
    """
    return {"account": account}
