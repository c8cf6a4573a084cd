"""Writes to a disk, past the page cache, until it is told to stop: a program, for a test's process is busy otherwise.

    python3 -m tests.kernel.guest.multipath.writer DEVICE

It ends when its standard input does, and says: how many writes, and how long the longest took, in milliseconds.
"""

from __future__ import annotations

import mmap
import os
import select
import sys
import time
from datetime import datetime

BLOCK = 4096


def main() -> None:
    """Write block after block, and let an error end the program."""
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_DIRECT)
    block = mmap.mmap(-1, BLOCK)
    count, longest = 0, 0.0
    print("writing", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        try:
            os.pwrite(fd, block, count % 1024 * BLOCK)
        except OSError as error:
            sys.exit(f"{datetime.now()}: write {count} failed: {error}")
        longest = max(longest, time.monotonic() - began)
        count += 1
    print(count, f"{longest * 1000:.1f}")


if __name__ == "__main__":
    main()
