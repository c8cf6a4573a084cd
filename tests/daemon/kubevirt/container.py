"""The container pr-helper as KubeVirt runs it, in a mount namespace of its own, without KubeVirt.

What virt-handler's DaemonSet and device plugin do (KubeVirt 1.9):

* `/entrypoint.sh -k /var/run/kubevirt/daemons/pr/pr-helper.sock`, as root with every capability, among the PIDs of the
  host; that directory is the host's.
* At each creation of the socket, of which inotify tells it, the plugin gives directory and socket to 107:107. The
  socket counts as healthy while its file exists.
* virt-handler puts multipathd's socket beside it, whenever that appears.
* A virtual machine's QEMU is 107:107, and has the directory at the same place.
"""

import ctypes
import os
import select
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ...support.fake_device import FakeDevice
from ...support.helper import OURS, for_any_interpreter, wait_until

REPOSITORY = Path(__file__).parents[3]
SOCKET = Path("/var/run/kubevirt/daemons/pr/pr-helper.sock")
QEMU = 107

_MAKE_ROOT = """\
set -e
directory=$1 entrypoint=$2 helper=$3 root=/mnt
shift 3
mount -t tmpfs -o mode=755 container $root
for path in /*; do
    case $path in /run | /var | $root) continue ;; esac
    if [ -L $path ]; then
        cp -P $path $root$path
    elif [ -d $path ]; then
        mkdir $root$path
        mount --rbind $path $root$path
    fi
done
mkdir -p $root/run/kubevirt/daemons/pr $root/var $root/over/new $root/over/work
ln -s ../run $root/var/run
mount --bind $directory $root/run/kubevirt/daemons/pr
mount -t overlay -o lowerdir=/usr/bin,upperdir=$root/over/new,workdir=$root/over/work container $root/usr/bin
cp $helper $root/usr/bin/prhelper
cp $entrypoint $root/entrypoint.sh
exec chroot $root "$@"
"""
"""All that the host has, with a /run, a /var, /entrypoint.sh and /usr/bin/prhelper of the container's own."""

IN_CREATE, IN_DELETE, IN_MOVED_FROM = 0x100, 0x200, 0x40
_EVENT = struct.Struct("iIII")


class Container:
    """A started container; its socket appears later. `directory` is that of the sockets, as the host has it."""

    def __init__(self, directory: Path, device: FakeDevice, *options: str) -> None:
        self.socket = directory / SOCKET.name
        self.log = directory.parent / "log"
        helper = directory.parent / "prhelper"
        helper.write_text(f'#!/bin/sh\nexec {" ".join(OURS)} "$@"\n')
        helper.chmod(0o755)
        entrypoint = REPOSITORY / "packaging/container/entrypoint.sh"
        arguments = [str(directory), str(entrypoint), str(helper), "/entrypoint.sh", "-k", str(SOCKET), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _MAKE_ROOT, "sh", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **device.env},
            )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as an exec probe is."""
        within = ["nsenter", f"--target={self.process.pid}", "--mount", "--root", "--wd"]
        return subprocess.run([*within, *command], capture_output=True, text=True)

    def wait_for_log(self, text: str) -> None:
        wait_until(lambda: text in self.log.read_text(), what=f"'{text}' in the log")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class DevicePlugin:
    """Watches the directory, and gives what appears in it to QEMU. It must exist before the container is started."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_CLOEXEC)
        mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM
        assert self._libc.inotify_add_watch(self._watch, os.fsencode(socket.parent), mask) >= 0

    def wait_for_the_socket(self, timeout: float = 20.0) -> list[str]:
        """Wait until the socket is created, and pass it on: what happened to it since the last call."""
        seen: list[str] = []
        while "created" not in seen:
            assert select.select([self._watch], [], [], timeout)[0], f"no socket in {timeout} s; {seen}"
            data = os.read(self._watch, 65536)
            while data:
                _, mask, _, size = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0").decode()
                data = data[_EVENT.size + size :]
                if name == self._socket.name:
                    seen.append("created" if mask & IN_CREATE else "removed")
        for path in (self._socket.parent, self._socket):
            os.chown(path, QEMU, QEMU)
        return seen

    def close(self) -> None:
        os.close(self._watch)


def as_qemu(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a Python program as the user of QEMU, without a single right of root."""
    identity: Sequence[str] = ("setpriv", f"--reuid={QEMU}", f"--regid={QEMU}", "--clear-groups")
    command = [*identity, sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **for_any_interpreter()})
