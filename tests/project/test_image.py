"""The container image, built by buildah without a network, from a root that debootstrap made; and started."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kernel.archive import own_suite
from tests.support import debian_root, package_contents
from tests.support.client import Client
from tests.support.debian_package import MissingError, built
from tests.support.nexus import Holder, Nexus, over
from tests.support.programs import missing, require_program
from tests.support.spc import GOOD, Out

REPOSITORY = Path(__file__).parents[2]
KUBEVIRT = "/run/kubevirt/daemons/pr"
"""Where KubeVirt's pods have the socket's folder, but for /var: buildah does not follow links of the image."""

LEFT_OUT = "--exclude=./var/lib/apt/lists/* --exclude=./var/cache/apt/*.bin"
"""Indices that only a network makes use of."""

CREDENTIALS = struct.Struct("3i")

pytestmark = pytest.mark.timeout(300)

LIMITS = ["nofile=1024:4096", "nproc=4096:4096"]
"""Low enough for every root to set them. By itself buildah 1.39 raises them, which not every root may."""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What lets buildah work: a store of its own, of overlays, or else of copies, and no other container runtime."""
    require_program("buildah", "buildah")
    folder = tmp_path_factory.mktemp("containers")
    stores = (stored(folder, driver) for driver in ("overlay", "vfs"))
    for store in stores:
        if subprocess.run(["buildah", "info"], env=store, capture_output=True).returncode == 0:
            return store
    return missing("buildah cannot store an image here: `buildah info` says why")


def stored(folder: Path, driver: str) -> dict[str, str]:
    """The environment in which buildah keeps images by this driver."""
    configuration = folder / f"{driver}.conf"
    places = f'graphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    configuration.write_text(f'[storage]\ndriver = "{driver}"\n{places}')
    limits = folder / "limits.conf"
    limits.write_text(f"[containers]\ndefault_ulimits = {LIMITS}\n")
    configured = {"CONTAINERS_STORAGE_CONF": str(configuration), "CONTAINERS_CONF": str(limits)}
    return {**os.environ, "BUILDAH_ISOLATION": "chroot", **configured}


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Run:
    def run(*command: str | Path) -> str:
        done = subprocess.run(list(map(str, command)), cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="module")
def container(run: Run) -> Iterator[str]:
    """A container of the image."""
    try:
        root = debian_root.obtain(own_suite(), "base")
        (package,) = built(1).glob("*.deb")
    except MissingError as error:
        missing(str(error))
    base = run("buildah", "from", "scratch")
    run("sh", "-c", f"tar -C {root} {LEFT_OUT} -c . | tar -C {run('buildah', 'mount', base)} -x")
    run("buildah", "commit", "--quiet", "--rm", base, "base")
    image = [sys.executable, "-m", "tools.image", "--base", "localhost/base", "--package", package]
    run("unshare", "--net", *image)
    container = run("buildah", "from", "localhost/prhelper")
    yield container
    run("buildah", "rm", "--all")
    run("buildah", "rmi", "--all", "--force")


@pytest.fixture(scope="module")
def root(run: Run, container: str) -> Path:
    return Path(run("buildah", "mount", container))


@contextmanager
def started(container: str, environment: dict[str, str], folder: Path, *options: str) -> Iterator[Client]:
    """The entry point, which runs in the container until this ends; a client of it. It must end by itself, content."""
    command = ["/entrypoint.sh", "-k", f"{KUBEVIRT}/pr-helper.sock", *options]
    capabilities = ["--cap-add", "CAP_SYS_RAWIO"]
    with subprocess.Popen(
        ["buildah", "run", *capabilities, "--volume", f"{folder}:{KUBEVIRT}", container, "--", *command],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if "listening on" in line:
                break
        assert any("listening" in line for line in said), said
        with Client(folder / "pr-helper.sock") as client:
            credentials = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
            yield client
        os.kill(CREDENTIALS.unpack(credentials)[0], signal.SIGTERM)
        running.stderr.read()
    assert running.returncode == 0


def test_contents_are_those_of_every_package(run: Run, root: Path) -> None:
    listed = run("chroot", root, "dpkg-query", "--listfiles", "prhelper").splitlines()
    files = {path: root / path.lstrip("/") for path in listed}
    here = {path: file.read_bytes() for path, file in files.items() if file.is_file()}
    also = ("/usr/share/", "/usr/lib/prhelper/anyio/", "/usr/lib/prhelper/typing_extensions.py")
    package_contents.check("deb", here, also)


def test_container_starts_as_kubevirt_s_does(run: Run, root: Path) -> None:
    image = json.loads(run("buildah", "inspect", "--type", "image", "localhost/prhelper"))
    assert image["OCIv1"]["config"]["Entrypoint"] == ["/entrypoint.sh"]
    entry = root / "entrypoint.sh"
    assert entry.read_bytes() == (REPOSITORY / "packaging/container/entrypoint.sh").read_bytes()
    assert entry.stat().st_mode & 0o777 == 0o755


def test_helper_in_the_container_serves_and_stops(
    container: str, environment: dict[str, str], root: Path, tmp_path: Path
) -> None:
    with started(container, environment, tmp_path, "--emulate") as client, (tmp_path / "disk").open("w+b") as disk:
        machine = Nexus(over(client, disk.fileno()))
        assert machine.write(Out.REGISTER, new=0xA).status == GOOD
        assert machine.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        assert (machine.keys(), machine.reservation()) == ([0xA], Holder(0xA, 5))
    assert not (tmp_path / "pr-helper.sock").exists()
    assert (root / "run/multipathd.socket").readlink() == Path(f"/var{KUBEVIRT}/multipathd.socket")
