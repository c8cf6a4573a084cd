"""A run of the daemon, from start to end: two halves, and what becomes of an error in either."""

import contextlib
import signal
import threading

from .host.errors import StartError, with_remedy
from .host.signals import STOP_SIGNALS
from .options import Options
from .start import start


def run(options: Options) -> int:
    """Serve until told to stop. Returns the exit status. Raises StartError."""
    ready = threading.Event()
    try:
        return _run_or_clean_up(options, ready)
    except (OSError, ImportError, MemoryError) as error:
        if ready.is_set():
            raise
        raise StartError(_in_words(error)) from error


def _run_or_clean_up(options: Options, ready: threading.Event) -> int:
    try:
        with contextlib.ExitStack() as made:
            started = start(options, made)
            from .service import serve  # late: clients can connect by now, and it imports most of the program

            return serve(options, started, made, ready)
    except BaseException:
        # All that was made is removed. What is left is to say why, perhaps on a terminal that blocks.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        raise


def _in_words(error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"cannot start: {error or 'out of memory'}"
    where = f"{error.filename}: " if error.filename else "cannot start: "
    return f"{where}{with_remedy(error)}"
