"""Why a start fails."""

import errno

_REMEDIES = {
    errno.EEXIST: "; remove it, or choose another path",
    errno.EADDRINUSE: "; stop that process, or choose another path",
    errno.ENOENT: "; make its directory first",
    errno.EMFILE: "; raise the limit of open files (LimitNOFILE=, ulimit -n)",
    errno.EAGAIN: "; allow more processes (TasksMax=, ulimit -u)",
    errno.EACCES: "; run prhelper as a user who may write there",
}


class StartError(Exception):
    """The helper cannot start; the text names the option, the value and the remedy."""


def with_remedy(error: OSError) -> str:
    """What is wrong, in words, and the remedy where there is one."""
    return f"{error.strerror}{_REMEDIES.get(error.errno or 0, '')}"
