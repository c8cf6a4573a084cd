"""What only some kinds of channel can do: each operation needs a feature, and is refused clearly without it."""

import contextlib
import io
from abc import ABC
from collections.abc import Iterator

from .feature import Feature
from .lifetime import Lifetime
from .waiter import Direction


class Operations(ABC):
    """The operations beyond reading and writing. A kind that has the feature has the method at the end too."""

    features = Feature.NONE
    _passes_fds = False  # whether FD_PASS is among them; asking a Flag would cost as much as a system call
    _lifetime: Lifetime

    def has_feature(self, feature: Feature) -> bool:
        """Whether this channel can do all of `feature`."""
        return feature in self.features

    def shutdown(self, direction: Direction | None = None) -> None:
        """End one direction, or both, without closing: the peer reads the end. Needs SHUTDOWN."""
        with self._needing(Feature.SHUTDOWN, "shut down one direction"):
            self._shutdown(direction)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, as `io.IOBase.seek` does. Needs SEEKABLE."""
        with self._needing(Feature.SEEKABLE, "seek"):
            return self._seek(offset, whence)

    def set_delay(self, delay: bool) -> None:
        """Let a small write wait for others to join it, or go out at once (TCP_NODELAY). Needs DELAY."""
        with self._needing(Feature.DELAY, "choose whether small writes are delayed"):
            self._set_delay(delay)

    def set_cork(self, cork: bool) -> None:
        """Hold back whatever fills no segment, for 200 ms at most, until this is undone (TCP_CORK). Needs DELAY."""
        with self._needing(Feature.DELAY, "hold writes back"):
            self._set_cork(cork)

    # A kind with the feature has its own; without it nobody gets here.

    def _shutdown(self, direction: Direction | None) -> None:
        raise NotImplementedError

    def _seek(self, offset: int, whence: int) -> int:
        raise NotImplementedError

    def _set_delay(self, delay: bool) -> None:
        raise NotImplementedError

    def _set_cork(self, cork: bool) -> None:
        raise NotImplementedError

    def _refuse_descriptors(self) -> None:
        self._require(Feature.FD_PASS, "pass descriptors")

    def _require(self, feature: Feature, deed: str) -> None:
        if feature not in self.features:
            raise io.UnsupportedOperation(f"{type(self).__name__} cannot {deed}")

    @contextlib.contextmanager
    def _needing(self, feature: Feature, deed: str) -> Iterator[None]:
        self._require(feature, deed)
        self._lifetime.hold()
        try:
            yield
        finally:
            self._lifetime.release()
