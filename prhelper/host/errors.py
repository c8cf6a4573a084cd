"""Why a start fails, and what to do where descriptors are short."""

import errno

RAISE_LIMITS = {
    errno.EMFILE: "raise the limit of open files (LimitNOFILE=, ulimit -n)",
    errno.ENFILE: "raise the limit of open files of the system (fs.file-max)",
}
"""By errno: the remedy when no descriptor can be had."""

_REMEDIES = {
    errno.EEXIST: "; remove it, or choose another path",
    errno.EADDRINUSE: "; stop that process, or choose another path",
    errno.ENOENT: "; make its directory first",
    errno.EMFILE: f"; {RAISE_LIMITS[errno.EMFILE]}",
    errno.EAGAIN: "; allow more processes (TasksMax=, ulimit -u)",
    errno.EACCES: "; run prhelper as a user who may write there",
}


class StartError(Exception):
    """The helper cannot start; the text names the option, the value and the remedy."""


def with_remedy(error: OSError) -> str:
    """What is wrong, in words, and the remedy where there is one."""
    return f"{error.strerror}{_REMEDIES.get(error.errno or 0, '')}"
