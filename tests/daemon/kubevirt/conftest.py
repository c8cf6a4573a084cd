"""A directory as the node's, the device plugin that watches it, and containers."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ...support.fake_device import FakeDevice
from ...support.programs import require_mount_namespace
from .container import Container, DevicePlugin

Start = Callable[[], Container]


@pytest.fixture
def directory() -> Iterator[Path]:
    """The directory of the sockets, which QEMU's user can reach."""
    require_mount_namespace()
    above = Path(tempfile.mkdtemp(prefix="kubevirt-"))
    above.chmod(0o755)
    made = above / "pr"
    made.mkdir(mode=0o755)
    yield made
    shutil.rmtree(above)


@pytest.fixture
def plugin(directory: Path) -> Iterator[DevicePlugin]:
    plugin = DevicePlugin(directory / "pr-helper.sock")
    yield plugin
    plugin.close()


@pytest.fixture
def start(directory: Path, fake_device_library: Path) -> Iterator[Start]:
    """Starts a container, the first or the next; the plugin must have been there before."""
    library = Path(shutil.copy(fake_device_library, directory.parent))
    device = FakeDevice(library, directory.parent)
    started: list[Container] = []

    def start() -> Container:
        started.append(Container(directory, device))
        return started[-1]

    yield start
    for container in started:
        print(container.log.read_text())
        container.kill()
