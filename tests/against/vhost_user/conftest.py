"""The channel tests' contexts, the waits to see, and their check that nothing is left behind."""

from ...unit.channel.conftest import context, nothing_left_behind, waits

__all__ = ["context", "nothing_left_behind", "waits"]
