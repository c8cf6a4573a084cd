"""What /proc/PID/status says of a process (proc(5))."""

from pathlib import Path

_PROC = Path("/proc")


def status_of(pid: int | None) -> dict[str, str]:
    """Each value, by its field's name; nothing if the process is not there.

    The first field is the process's own name, in which there may be anything but a newline.
    """
    try:
        content = (_PROC / str(pid) / "status").read_bytes()
    except OSError:
        return {}
    lines = (line.partition(":") for line in content.decode(errors="replace").split("\n"))
    return {name: value.strip() for name, _, value in lines}
