"""What the tests of the log share: a handler whose sink remembers."""

from collections.abc import Iterator

import pytest

from prhelper.logs.handler import LogHandler

from .sink import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def handler(sink: Sink) -> Iterator[LogHandler]:
    handler = LogHandler(sink, own_choice=True)
    handler.start()
    yield handler
    sink.go.set()
    handler.stop(10)
