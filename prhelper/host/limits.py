"""The limit of open files (setrlimit(2))."""

import contextlib
import resource


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, if a sandbox allows it. Returns the limit in force."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
