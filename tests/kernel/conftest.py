"""Tests with a real kernel, in an emulated machine.

    kernel.py     Debian's kernel, downloaded and unpacked into a cache, to boot into the host's root directory
    qemu.py       QEMU as a Debian suite ships it, unpacked, to run here or in a guest
    root.py       a root directory of a Debian suite's packages instead; archive.py, unpacking.py: how it is made
    installed_root.py  one where a suite is installed, for tests that install more
    initramfs.py  what the kernel starts with: the way into a root directory
    emulator.py   one machine
    suites.py     what is run in which machine; boot.py: one of those; fleet.py: all those of one test run, a process
    reports.py    what that process tells; proxy.py: makes the guest's results this pytest's own
    guest/        everything that runs inside; a folder a suite, and one boot a folder

What cannot be had (QEMU, a network for the first run) skips these tests and says why; with CI=true it fails them.
PRHELPER_COMMAND names another helper to test, such as /usr/bin/qemu-pr-helper; PRHELPER_KERNEL_CACHE another cache;
PRHELPER_SUITE another suite than this machine's own for the tests that boot into a root of packages. With
PRHELPER_THOROUGH there are more of those, and they repeat what goes by chance more often.

Both sides load this file; only the host needs the proxies.
"""

from __future__ import annotations

import os

if "GUEST_SUITE" not in os.environ:
    from .proxy import (  # noqa: F401  (pytest finds its hooks by name)
        pytest_collection_finish,
        pytest_collection_modifyitems,
        pytest_runtest_makereport,
        pytest_sessionfinish,
    )
