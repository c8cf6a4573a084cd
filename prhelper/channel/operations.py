"""What only some kinds of channel can do: each operation needs a feature."""

import contextlib
import io
from abc import ABC
from collections.abc import Iterator

from .feature import Feature
from .lifetime import Lifetime
from .waiter import Direction


class Operations(ABC):
    """The operations beyond reading and writing. Each raises io.UnsupportedOperation without its feature.

    features: what this channel can do. A kind sets it, and implements the methods at the end that go with it.
    """

    features = Feature.NONE
    _passes_fds = False  # set with FD_PASS: testing a Flag costs as much as a system call
    _lifetime: Lifetime

    def has_feature(self, feature: Feature) -> bool:
        """Whether this channel can do all of `feature`."""
        return feature in self.features

    def shutdown(self, direction: Direction | None = None) -> None:
        """End one direction, or both, without closing: the peer reads the end of the stream. Needs SHUTDOWN."""
        with self._needing(Feature.SHUTDOWN, "shut down one direction"):
            self._shutdown(direction)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, as `io.IOBase.seek` does. Needs SEEKABLE."""
        with self._needing(Feature.SEEKABLE, "seek"):
            return self._seek(offset, whence)

    def set_delay(self, delay: bool) -> None:
        """Delay small writes to join them with later ones, or do not (TCP_NODELAY). Needs DELAY."""
        with self._needing(Feature.DELAY, "delay small writes"):
            self._set_delay(delay)

    def set_cork(self, cork: bool) -> None:
        """Hold back partial segments, for 200 ms at most, until uncorked (TCP_CORK). Needs DELAY."""
        with self._needing(Feature.DELAY, "hold writes back"):
            self._set_cork(cork)

    # For the kinds with the feature; called with the descriptors held open.

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

    def _require(self, feature: Feature, action: str) -> None:
        if feature not in self.features:
            raise io.UnsupportedOperation(f"{type(self).__name__} cannot {action}")

    @contextlib.contextmanager
    def _needing(self, feature: Feature, action: str) -> Iterator[None]:
        self._require(feature, action)
        self._lifetime.hold()
        try:
            yield
        finally:
            self._lifetime.release()
