"""The contexts and the check for leftovers, as the channels' own tests have them."""

from ...channel.conftest import context, nothing_left_behind, other

__all__ = ["context", "nothing_left_behind", "other"]
