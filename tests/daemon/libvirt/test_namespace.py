"""The helper in the mount namespace of its machine, with libvirt's private /dev: as root only."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import wait_until
from ...support.programs import require_mount_namespace
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .managed import Machine, StartFailedError

_ENTER = """\
set -e
mount -t tmpfs -o mode=755 dev /mnt
for name in null zero full random urandom ptmx; do
    touch /mnt/$name
    mount --bind /dev/$name /mnt/$name
done
mount --move /mnt /dev
mount -t tmpfs run /run
mkdir -p /run/systemd/journal
mount --bind "$1" /run/systemd/journal
mount -t tmpfs lib /var/lib
mkdir -m 700 /var/lib/prhelper
chown 61184 /var/lib/prhelper
shift
exec "$@"
"""
"""No more devices than libvirt makes for every machine; and the journal's socket, but not /dev/log.

The unit of a shared helper has run on this host: the state directory is that of its dynamic user.
"""

_USER_OF_QEMU = 64055

_WITH_OPTIONS = ("sh", "-c", 'exec "$@" --emulate --state-directory=/proc/none', "sh")
"""A script between libvirt and the helper that adds options."""


class Journal:
    """journald's end of its socket."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "socket"))
        self._socket.settimeout(20.0)

    def wait_for(self, text: str) -> str:
        """Wait for an entry with this text in its message."""
        while True:
            fields = dict(line.partition("=")[::2] for line in self._socket.recv(65536).decode().splitlines())
            if text in fields.get("MESSAGE", ""):
                return fields["MESSAGE"]

    def rest(self) -> str:
        """All that nobody waited for."""
        self._socket.setblocking(False)
        entries = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                entries += self._socket.recv(65536)
        return entries.decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture
def namespace(journal: Journal) -> Sequence[str]:
    """The command that runs the rest of its arguments in a machine's namespace, in the same process."""
    unshare = require_mount_namespace()
    return (unshare, "--mount", "sh", "-c", _ENTER, "sh", str(journal.directory))


def test_with_a_private_dev_the_helper_serves_and_names_the_device(
    machine: Machine, namespace: Sequence[str], journal: Journal, healthy: int
) -> None:
    helper = machine.start_helper(namespace)
    assert {path.name for path in Path(f"/proc/{helper.pid}/root/dev").iterdir()} == {
        *("null", "zero", "full", "random", "urandom", "ptmx")
    }
    with Client(helper.socket) as client:
        assert client.command(healthy, reserve_out(0), keys(1, 2)).status == GOOD
        assert "device 1:3 (null)" in journal.wait_for("PERSISTENT RESERVE OUT REGISTER")
    assert helper.is_taken_for_alive()
    helper.tell_to_stop()
    assert helper.has_ended(20.0)


def test_what_keeps_a_helper_is_in_the_journal_before_libvirt_kills_it(
    machine: Machine, namespace: Sequence[str], journal: Journal, hanging: int
) -> None:
    helper = machine.start_helper(namespace)
    with Client(helper.socket) as client:
        machine.device.hold()
        client.send(reserve_in(0), [hanging])
        wait_until(lambda: machine.device.hanging == 1, what="the command to hang")
        helper.tell_to_stop()
        assert "device 1:5" in journal.wait_for("still waiting for")
        helper.kill()


def test_why_a_start_failed_that_libvirt_took_for_a_success_is_in_the_journal(
    machine: Machine, namespace: Sequence[str], journal: Journal
) -> None:
    with contextlib.suppress(StartFailedError):  # libvirt was too slow to see the socket
        machine.start_helper([*namespace, *_WITH_OPTIONS])
    assert "--state-directory /proc/none" in journal.wait_for("ended: ")


def test_socket_that_may_not_be_removed_is_no_news(
    machine: Machine, namespace: Sequence[str], journal: Journal
) -> None:
    os.chown(machine.directory / "lib", _USER_OF_QEMU, _USER_OF_QEMU)
    helper = machine.start_helper(namespace)
    journal.wait_for("listening on")
    helper.tell_to_stop()
    assert helper.has_ended(20.0)
    assert helper.socket.exists()  # libvirt removes it with its directory
    assert "SIGTERM" in (said := journal.rest())
    assert "Permission denied" not in said
