"""Channels: a port of QEMU's QIOChannel, in which a channel belongs to no event loop.

Whoever waits on a channel waits in the event loop, the plain thread or the stepper that the coroutine runs in at that
moment. This package knows nothing of the rest of prhelper and can be used on its own.

The names are those of `api`, which is imported with the first of them: a daemon that uses `socket_file` alone until it
listens does not wait for asyncio and ssl.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import *  # noqa: F403
    from .api import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        return getattr(importlib.import_module(".api", __name__), name)
