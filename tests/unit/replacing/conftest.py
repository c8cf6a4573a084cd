"""The server of the tests of serving."""

from ..serving.conftest import deaf, ends, running

__all__ = ["deaf", "ends", "running"]
