"""The limit of open files (setrlimit(2))."""

import resource


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one: how many files may be open now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
