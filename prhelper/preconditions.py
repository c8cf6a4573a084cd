"""What prhelper needs of its surroundings: checked at the start, refused or warned of with the remedy."""

import logging
import os

from .device.multipath.worker import why_no_worker
from .host import limits
from .host.errors import StartError
from .host.privileges import CAP_SYS_RAWIO, has_capability, in_initial_user_namespace
from .options import Options

_log = logging.getLogger(__name__)

_FILES_PER_CLIENT = 3  # its connection, the descriptor that it passes, and a connection to the multipath worker
_THREADS_OF_OUR_OWN = 64  # main, log, guard, leader, reserve, closers


def may_send_commands() -> bool:
    """Whether the kernel lets this process send SCSI commands."""
    return has_capability(CAP_SYS_RAWIO) and in_initial_user_namespace()


def why_no_multipath(uid: int) -> str | None:
    """Why a process of this user that is as privileged as this one cannot act on multipath maps; None if it can."""
    if uid == 0 and may_send_commands():
        return None
    return "prhelper acts on multipath maps only as root with CAP_SYS_RAWIO: start it so, without -u"


def refuse_multipath(options: Options, uid: int | None) -> None:
    """Raise StartError if what was asked for is not possible. `uid`: of the user to switch to, if any."""
    if (reason := why_no_multipath(os.geteuid() if uid is None else uid)) is None:
        return
    if options.multipath_worker:
        raise StartError(f"--multipath-worker: {reason}")
    if options.multipath == "on" and (no_worker := why_no_worker(options.multipath_socket)) is not None:
        raise StartError(f"--multipath=on: {reason}, or {no_worker}")


def warn_about_what_is_missing(options: Options, open_files: int, unknown: list[str]) -> None:
    """Log what will not work, or not for as many clients as may connect. `unknown`: trace patterns that match none."""
    for pattern in unknown:
        _log.warning("--trace: there is no event '%s': -T help lists them", pattern)
    if options.emulate != "all" and not may_send_commands():
        _log.warning(
            "without the capability CAP_SYS_RAWIO in the initial user namespace no persistent reservation will work: "
            "start prhelper as root, or give its unit AmbientCapabilities=CAP_SYS_RAWIO"
        )
    stuck_threads = (options.max_clients + 1) // 2  # of one account
    threads = limits.task_limit()
    if threads is not None and threads < stuck_threads + _THREADS_OF_OUR_OWN:
        _log.warning(
            "only %d threads are allowed, and with --max-clients %d one client account can have %d stuck: "
            "raise the limit (TasksMax=, pids.max, ulimit -u), or lower --max-clients",
            threads,
            options.max_clients,
            stuck_threads,
        )
    needed = options.max_clients * _FILES_PER_CLIENT + limits.FILES_OF_OUR_OWN
    if open_files < needed:
        _log.warning(
            "--max-clients %d needs %d open files and only %d are allowed: raise the limit (LimitNOFILE=, ulimit -n)",
            options.max_clients,
            needed,
            open_files,
        )
