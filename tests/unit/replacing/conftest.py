"""The server of the tests of serving."""

from ..serving.conftest import deaf, running

__all__ = ["deaf", "running"]
