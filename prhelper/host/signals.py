"""The signals that stop the daemon; keeps all signals away from every thread but the main one."""

import contextlib
import signal
from collections.abc import Iterator

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def every_signal_blocked() -> Iterator[None]:
    """Block all signals in this thread inside the context; a thread started there keeps them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
