"""Our host without prhelper: what it does goes through libmpathpersist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.nexus import Nexus

from ..initiators import forget_everything
from .cluster import Cluster
from .libmpathpersist import Library


@dataclass(frozen=True)
class LibraryHost:
    """Our host, and its library. In `cluster` it has no helper: `cluster.us` is the library."""

    cluster: Cluster
    library: Library

    def start_afresh(self) -> None:
        """Every path is there and in use, and nobody registered."""
        for path in self.cluster.paths.values():
            path.restore()
        self.cluster.multipathd.forget()
        forget_everything([self.cluster.others_node])
        assert str(self.cluster.state()) == "nothing"


@contextmanager
def library_instead(cluster: Cluster, device: Path) -> Iterator[LibraryHost]:
    """The helper is stopped meanwhile, for it would register paths that come back."""
    cluster.start_afresh()
    cluster.ours.kill()
    library = Library(device)
    host = LibraryHost(replace(cluster, us=Nexus(library.execute)), library)
    try:
        yield host
        host.start_afresh()
    finally:
        library.stop()
        cluster.ours.start()
