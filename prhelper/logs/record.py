"""What a log record carries besides its text: limit, account and fields, as `extra`; and messages worded later."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

_BLANK = vars(logging.makeLogRecord({}))
"""Every attribute that a formatter or another handler may ask a record for."""


class Limit(NamedTuple):
    """At most `burst` lines of a `kind` per account and window (`rate_limit.WINDOW`); the rest is summed up.

    kind: one of a few literal names, never made of what a client sends.
    """

    kind: str
    burst: int


class LazyMessage:
    """A message, logged in place of a text, that the log's thread words when it writes: see `log_lazily`.

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


class _LazyRecord(logging.LogRecord):
    def __init__(self, name: str, level: int, message: LazyMessage, extra: Mapping[str, object]) -> None:
        now = time.time()
        self.__dict__.update(_BLANK, name=name, levelno=level, levelname=logging.getLevelName(level), **extra)
        self.__dict__.update(msg=message, created=now, msecs=int(now % 1 * 1000))


def log_lazily(logger: logging.Logger, level: int, message: LazyMessage, extra: Mapping[str, object]) -> None:
    """Log a message as `logger.log` does, in a third of the time: caller, thread and process are not looked up.

    extra: of `at_most` or `unlimited`.
    """
    if logger.isEnabledFor(level):
        logger.handle(_LazyRecord(logger.name, level, message, extra))


def at_most(
    count: int, kind: str, account: str | None = None, fields: Mapping[str, str] | None = None
) -> dict[str, object]:
    """The `extra` of a record that is limited to `count` lines per window. The rest is as for `unlimited`.

    Without an account, the module that logs is the account.
    """
    extra: dict[str, object] = {"limit": Limit(kind, count)}
    if account is not None:
        extra["account"] = account
    if fields is not None:
        extra["fields"] = fields
    return extra


def unlimited(account: str, fields: Mapping[str, str] | None = None) -> dict[str, object]:
    """The `extra` of a record with no limit of its own.

    account: whose doing it is; accounts share the backlog fairly.
    fields: its parts, for sinks that keep them apart. Do not change them afterwards.
    """
    return {"account": account} if fields is None else {"account": account, "fields": fields}
