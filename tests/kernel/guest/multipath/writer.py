"""Writes to a disk, past the page cache, until it is told to stop: a program, for a test's process is busy otherwise.

    python3 -m tests.kernel.guest.multipath.writer DEVICE

It ends when its standard input does, and says as JSON: how many writes, how many milliseconds the longest took, when
each failed with a reservation conflict, and for how many milliseconds none succeeded then, at most. Other errors end
it.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import select
import sys
import time
from datetime import datetime

BLOCK = 4096


def main() -> None:
    """Write block after block."""
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_DIRECT)
    block = mmap.mmap(-1, BLOCK)
    count, longest, outage = 0, 0.0, 0.0
    failed: list[str] = []
    failing_since: float | None = None
    print("writing", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        try:
            os.pwrite(fd, block, count % 1024 * BLOCK)
        except OSError as error:
            if error.errno != errno.EBADE:
                sys.exit(f"{datetime.now()}: write {count} failed: {error}")
            failed.append(str(datetime.now()))
            failing_since = failing_since or began
        else:
            outage = max(outage, time.monotonic() - (failing_since or time.monotonic()))
            failing_since = None
        longest = max(longest, time.monotonic() - began)
        count += 1
    print(json.dumps({"writes": count, "longest": longest * 1000, "failed": failed, "outage": outage * 1000}))


if __name__ == "__main__":
    main()
