"""A pytest plugin for `make coverage`: has threads traced that the module `threading` knows nothing of.

The scheduler starts bare threads (`scheduler/thread_pool.py`). Coverage hands its tracer to `threading`, which installs
it only in threads of its own.
"""

import _thread
import sys
import threading
from collections.abc import Callable
from typing import Any

_start_untraced = _thread.start_new_thread


def _start_traced(function: Callable[..., object], args: tuple[Any, ...], *more: Any) -> int:
    def run(*args: Any, **kwargs: Any) -> None:
        sys.settrace(threading.gettrace())
        function(*args, **kwargs)

    return _start_untraced(run, args, *more)


_thread.start_new_thread = _start_traced
